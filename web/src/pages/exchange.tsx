import { useState } from 'preact/hooks';
import { enc, exchangeInPath, send } from '../data/api';
import { count, rate } from '../data/format';
import { rateOf, record } from '../data/history';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import { go } from '../data/router';
import type { Binding, Exchange, Page } from '../data/types';
import { Badge, Card, Empty, Facts, Loaded, Name, Note, PageHead, Stat } from '../ui/base';
import { Chart } from '../ui/chart';
import { Confirm, Form, table, text } from '../ui/form';
import { TableField, TableText, toTable, type Row } from '../ui/arguments';
import { Topology } from '../ui/topology';
import { BindingTable } from './bindings';
import { ExchangeBadges, isPredeclared } from './exchanges';
import { PublishForm } from './publish';

export function ExchangePage({ vhost, name }: { vhost: string; name: string }) {
  const path = `exchanges/${enc(vhost)}/${exchangeInPath(name)}`;
  const live = useLive<Exchange>(path);
  const from = useLive<Page<Binding>>(`${path}/bindings/source?page=1&page_size=500`);
  const to = useLive<Page<Binding>>(`${path}/bindings/destination?page=1&page_size=500`);
  const [isDeleting, setDeleting] = useState(false);
  return (
    <Loaded live={live}>
      {one => {
        const series = record(`exchange.${vhost}.${name}`, live.at, [rateOf(one.message_stats, 'publish_in'), rateOf(one.message_stats, 'publish_out')]);
        return (
          <>
            <PageHead
              kind={t('palette.exchange')} title={one.name || t('exchange.default')} badges={<><Badge tone="accent">{one.type}</Badge><ExchangeBadges one={one} /></>}
              actions={isPredeclared(name) ? undefined : <button type="button" class="danger" onClick={() => setDeleting(true)}>{t('common.delete')}</button>}
            />
            <div class="stats">
              <Stat label={t('exchange.in')} value={rate(rateOf(one.message_stats, 'publish_in'))} />
              <Stat label={t('exchange.out')} value={rate(rateOf(one.message_stats, 'publish_out'))} />
              <Stat label={t('exchange.bindings')} value={count(from.data?.total_count)} />
            </div>
            <Card title={t('exchange.around')}>
              {from.data && to.data && (from.data.items.length + to.data.items.length === 0
                ? <Empty title={t('exchange.alone')}>{t('exchange.aloneText')}</Empty>
                : <Topology name={name} vhost={vhost} sources={to.data.items} destinations={from.data.items} />)}
            </Card>
            <div class="grid two">
              <Card title={t('overview.rates')}>
                <Chart title={t('exchange.ratesText')} series={series} format={rate} lines={[{ label: t('exchange.in'), color: 'amber' }, { label: t('exchange.out'), color: 'teal' }]} />
              </Card>
              <RouteTester path={path} vhost={vhost} />
            </div>
            <Card title={t('exchange.bindingsFrom')}>
              {from.data && (from.data.items.length === 0 ? <Empty title={t('binding.none')} /> : <BindingTable rows={from.data.items} end="destination" fixed={name === ''} />)}
              {name !== '' && (
                <details class="disclosure">
                  <summary>{t('binding.new')}</summary>
                  <Form
                    stays submit={t('binding.bind')}
                    fields={[
                      { name: 'kind', label: t('binding.to'), kind: 'choice', options: [['q', t('palette.queue')], ['e', t('palette.exchange')]] },
                      { name: 'destination', label: t('common.name'), required: true },
                      { name: 'key', label: t('message.key') },
                      { name: 'arguments', label: t('object.arguments'), kind: 'table', known: [['x-match', 'text']] },
                    ]}
                    request={values => ({
                      method: 'POST', path: `bindings/${enc(vhost)}/e/${exchangeInPath(name)}/${text(values, 'kind')}/${enc(text(values, 'destination'))}`,
                      body: { routing_key: text(values, 'key'), arguments: table(values, 'arguments') },
                    })}
                    done={() => t('binding.made')}
                  />
                </details>
              )}
            </Card>
            {to.data && to.data.items.length > 0 && <Card title={t('exchange.bindingsTo')}><BindingTable rows={to.data.items} end="source" /></Card>}
            {!one.internal && <Card title={t('publish.title')}><PublishForm vhost={vhost} exchange={name} /></Card>}
            <Card title={t('common.details')}>
              <Facts rows={[[t('common.vhost'), <bdi>{one.vhost}</bdi>], [t('exchange.type'), one.type], [t('object.arguments'), Object.keys(one.arguments).length > 0 ? <TableText of={one.arguments} /> : '–'], [t('exchange.publishedIn'), count(one.message_stats?.publish_in ?? 0)], [t('exchange.publishedOut'), count(one.message_stats?.publish_out ?? 0)]]} />
            </Card>
            {isDeleting && <Confirm title={t('exchange.delete')} text={t('exchange.deleteOne', { name })} request={{ method: 'DELETE', path }} submit={t('common.delete')} close={() => setDeleting(false)} done={() => { go(['exchanges']); return t('exchange.deleted'); }} />}
          </>
        );
      }}
    </Loaded>
  );
}

function RouteTester({ path, vhost }: { path: string; vhost: string }) {
  const [key, setKey] = useState('');
  const [headers, setHeaders] = useState<Row[]>([]);
  const [found, setFound] = useState<string[]>();
  const [error, setError] = useState('');
  const ask = async (event: Event) => {
    event.preventDefault();
    setError('');
    try {
      setFound((await send<{ queues: string[] }>({ method: 'POST', path: `${path}/route`, body: { routing_key: key, headers: toTable(headers) } })).queues);
    } catch (failure) {
      setFound(undefined);
      setError((failure as Error).message);
    }
  };
  return (
    <Card title={t('route.title')}>
      <form class="form" onSubmit={event => void ask(event)}>
        <p class="muted">{t('route.text')}</p>
        <div class="fields">
          <div class="field wide"><label for="route-key">{t('message.key')}</label><input id="route-key" value={key} onInput={event => setKey(event.currentTarget.value)} spellcheck={false} /></div>
          <TableField label={t('message.headers')} known={[]} rows={headers} set={setHeaders} />
        </div>
        <div class="form-foot"><button type="submit">{t('route.test')}</button></div>
        {error !== '' && <Note tone="bad">{error}</Note>}
        {found && (
          <div class="route-answer" role="status">
            {found.length === 0 ? <Note tone="warn">{t('route.nowhere')}</Note> : <><p>{t('route.found', { count: found.length })}</p><ul class="plain">{found.map(queue => <li key={queue}><Name path={['queues', vhost, queue]}>{queue}</Name></li>)}</ul></>}
          </div>
        )}
      </form>
    </Card>
  );
}
