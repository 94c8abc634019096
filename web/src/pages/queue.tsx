import { useEffect, useState } from 'preact/hooks';
import { quote } from '../data/api';
import { brief, bytes, clock, count, rate } from '../data/format';
import { rateOf, record, seed } from '../data/history';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import { go, route, setQuery } from '../data/router';
import type { Binding, MessageStats, Page, Queue } from '../data/types';
import { Badge, Card, Empty, Facts, Loaded, PageHead, Stat, Tabs } from '../ui/base';
import { Chart } from '../ui/chart';
import { Confirm } from '../ui/form';
import { BindingTable } from './bindings';
import { BindQueue } from './bindqueue';
import { Browse } from './browse';
import { ConsumerTable } from './channels';
import { Growth, useFull } from './growth';
import { MoveForm } from './move';
import { PublishForm } from './publish';
import { QueueBadges, queuePath, QueueState } from './queues';
import { Settings } from './settings';

const shownRates = ['publish', 'deliver_get', 'ack', 'redeliver'] as const;
const lengthNames = ['messages_ready', 'messages_unacknowledged', 'messages'] as const;

export function QueuePage({ vhost, name }: { vhost: string; name: string }) {
  const path = queuePath(vhost, name);
  const live = useLive<Queue>(path);
  useEffect(() => {
    void seed(path, [
      { key: `${path} rates`, isRate: true, of: (queue: Queue) => shownRates.map(what => queue.message_stats?.[`${what}_details` as keyof MessageStats] as never) },
      { key: `${path} lengths`, isRate: false, of: (queue: Queue) => lengthNames.map(what => queue[`${what}_details`]) },
    ]).catch(() => undefined);
  }, [path]);
  return <Loaded live={live}>{queue => <Body queue={queue} at={live.at} path={path} />}</Loaded>;
}

function Body({ queue, at, path }: { queue: Queue; at: number; path: string }) {
  const [asking, setAsking] = useState<'purge' | 'delete'>();
  const tab = route.value.query.get('tab') ?? 'overview';
  const stats = queue.message_stats;
  const rates = record(`${path} rates`, at, shownRates.map(what => rateOf(stats, what)));
  const lengths = record(`${path} lengths`, at, lengthNames.map(what => queue[what]));
  const tabs: [string, string][] = [
    ['overview', t('nav.overview')], ['messages', t('queue.tabMessages')], ['consumers', t('nav.consumers')], ['bindings', t('exchange.bindings')], ['publish', t('publish.publish')], ['settings', t('queue.tabSettings')],
  ];
  return (
    <>
      <PageHead
        kind={t('palette.queue')} title={queue.name} badges={<><QueueState one={queue} /><QueueBadges one={queue} /></>}
        actions={<>
          <button type="button" onClick={() => setAsking('purge')}>{t('queue.purge')}</button>
          <button type="button" class="danger" onClick={() => setAsking('delete')}>{t('common.delete')}</button>
        </>}
      />
      <div class="stats">
        <Stat label={t('queue.ready')} value={count(queue.messages_ready)} />
        <Stat label={t('queue.unacked')} value={count(queue.messages_unacknowledged)} />
        <Stat label={t('nav.consumers')} value={count(queue.consumers)} />
        <Stat label={t('queue.bytes')} value={bytes(queue.message_bytes)} />
      </div>
      <Tabs label={t('queue.parts')} tabs={tabs} chosen={tab} choose={id => setQuery({ tab: id === 'overview' ? '' : id })} />
      <div role="tabpanel" aria-label={tabs.find(([id]) => id === tab)?.[1]}>
        {tab === 'overview' && (
          <>
            <Growth queue={queue} />
            <div class="grid two">
              <Card title={t('overview.lengths')}>
                <Chart title={t('queue.lengthsText')} series={lengths} format={brief} lines={[{ label: t('queue.ready'), color: 'amber' }, { label: t('queue.unacked'), color: 'teal' }, { label: t('queue.total'), color: 'slate' }]} />
              </Card>
              <Card title={t('overview.rates')}>
                <Chart title={t('overview.ratesText')} series={rates} format={rate} lines={[{ label: t('rate.incoming'), color: 'amber' }, { label: t('rate.deliver'), color: 'teal' }, { label: t('rate.ack'), color: 'indigo' }, { label: t('rate.redeliver'), color: 'rose' }]} />
              </Card>
            </div>
            <Card title={t('common.details')}>
              <Facts rows={[
                [t('common.vhost'), <bdi>{queue.vhost}</bdi>], [t('common.node'), queue.node], [t('queue.type'), queue.type], [t('object.durable'), queue.durable ? t('common.yes') : t('common.no')],
                [t('queue.inMemory'), bytes(queue.message_bytes_ram)], [t('queue.pagedOut'), bytes(queue.message_bytes_paged_out)], [t('node.memory'), bytes(queue.memory)],
                [t('queue.idleSince'), queue.idle_since ? clock(Date.parse(queue.idle_since)) : t('queue.inUse')],
                [t('rate.incoming'), count(stats?.publish ?? 0)], [t('rate.deliver'), count(stats?.deliver_get ?? 0)], [t('rate.ack'), count(stats?.ack ?? 0)], [t('rate.redeliver'), count(stats?.redeliver ?? 0)],
              ]} />
            </Card>
          </>
        )}
        {tab === 'messages' && (
          <>
            <Card title={t('browse.title')}><Browse vhost={queue.vhost} name={queue.name} /></Card>
            <Card title={t('move.title')}><MoveForm vhost={queue.vhost} name={queue.name} /></Card>
          </>
        )}
        {tab === 'consumers' && <QueueConsumers queue={queue} />}
        {tab === 'bindings' && <Bindings queue={queue} path={path} />}
        {tab === 'publish' && <Card title={t('publish.toQueue')}><PublishForm vhost={queue.vhost} exchange="" queue={queue.name} /></Card>}
        {tab === 'settings' && <Card title={t('settings.title')}><Settings queue={queue} /></Card>}
      </div>
      {asking === 'purge' && (
        <Confirm
          title={t('queue.purge')} text={t('queue.purgeOne', { name: queue.name, count: count(queue.messages_ready) })} request={{ method: 'DELETE', path: `${path}/contents` }}
          command={`purge_queue -p ${quote(queue.vhost)} ${quote(queue.name)}`} submit={t('queue.purge')} close={() => setAsking(undefined)} done={() => t('queue.purged')}
        />
      )}
      {asking === 'delete' && (
        <Confirm
          title={t('queue.delete')} text={t('queue.deleteOne', { name: queue.name, count: count(queue.messages) })} request={{ method: 'DELETE', path }}
          command={`delete_queue -p ${quote(queue.vhost)} ${quote(queue.name)}`} submit={t('common.delete')} close={() => setAsking(undefined)} done={() => { go(['queues']); return t('queue.deleted', { name: queue.name }); }}
        />
      )}
    </>
  );
}

function QueueConsumers({ queue }: { queue: Queue }) {
  const full = useFull(queue);
  return <Card title={t('nav.consumers')} actions={full.size > 0 ? <Badge tone="warn">{t('consumer.fullCount', { count: full.size })}</Badge> : undefined}><ConsumerTable rows={queue.consumer_details ?? []} full={full} /></Card>;
}

function Bindings({ queue, path }: { queue: Queue; path: string }) {
  const live = useLive<Page<Binding>>(`${path}/bindings?page=1&page_size=500`);
  return (
    <Card title={t('queue.bindings')}>
      <Loaded live={live}>{page => (page.items.length === 0 ? <Empty title={t('binding.none')} /> : <BindingTable rows={page.items} end="source" />)}</Loaded>
      <details class="disclosure"><summary>{t('binding.new')}</summary><BindQueue vhost={queue.vhost} name={queue.name} /></details>
    </Card>
  );
}
