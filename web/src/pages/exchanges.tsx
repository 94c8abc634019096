import { useState } from 'preact/hooks';
import { enc, exchangeInPath, quote } from '../data/api';
import { rate } from '../data/format';
import { rateOf } from '../data/history';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import { go } from '../data/router';
import type { Exchange, Overview } from '../data/types';
import { Badge, Name } from '../ui/base';
import { Dialog } from '../ui/dialog';
import { Form, table, text } from '../ui/form';
import { Icon } from '../ui/icons';
import { ListPage, ofVhost, useVhosts } from '../ui/list';
import { TableText } from '../ui/arguments';
import type { Column } from '../ui/table';
import { overviewPath } from '../app';
import { Bulk } from '../ui/bulk';

export const ExchangeBadges = ({ one }: { one: Exchange }) => (
  <>
    {one.durable && <Badge title={t('object.durable')}>D</Badge>}
    {one.auto_delete && <Badge title={t('object.autoDelete')}>AD</Badge>}
    {one.internal && <Badge title={t('exchange.internal')}>I</Badge>}
    {one.policy && <Badge tone="accent" title={t('object.policy')}><bdi>{one.policy}</bdi></Badge>}
  </>
);

const columns = (): Column<Exchange>[] => [
  { key: 'name', title: t('common.name'), sort: 'name', cell: one => <Name path={['exchanges', one.vhost, one.name || 'amq.default']}>{one.name}</Name> },
  { key: 'vhost', title: t('common.vhost'), sort: 'vhost', minor: true, cell: one => <bdi>{one.vhost}</bdi> },
  { key: 'type', title: t('exchange.type'), sort: 'type', cell: one => <bdi>{one.type}</bdi> },
  { key: 'features', title: t('object.features'), minor: true, cell: one => <ExchangeBadges one={one} /> },
  { key: 'in', title: t('exchange.in'), sort: 'message_stats.publish_in_details.rate', numeric: true, cell: one => rate(rateOf(one.message_stats, 'publish_in')) },
  { key: 'out', title: t('exchange.out'), sort: 'message_stats.publish_out_details.rate', numeric: true, cell: one => rate(rateOf(one.message_stats, 'publish_out')) },
  { key: 'arguments', title: t('object.arguments'), extra: true, minor: true, cell: one => <TableText of={one.arguments} /> },
];

export const isPredeclared = (name: string) => name === '' || name.startsWith('amq.');

export function Exchanges() {
  const [isNew, setNew] = useState(false);
  const [doomed, setDoomed] = useState<{ rows: Exchange[]; clear: () => void }>();
  return (
    <>
      <ListPage
        name="exchanges" title="nav.exchanges" path="exchanges" columns={columns()} keyOf={one => `${one.vhost} ${one.name}`} vhosts={ofVhost('exchanges')}
        fields="name,vhost,type,durable,auto_delete,internal,policy,message_stats,arguments" empty={{ title: 'exchange.none' }}
        actions={<button type="button" class="primary" onClick={() => setNew(true)}><Icon name="plus" />{t('exchange.new')}</button>}
        bulk={(rows, clear) => {
          const own = rows.filter(one => !isPredeclared(one.name));
          return <button type="button" class="danger" disabled={own.length === 0} onClick={() => setDoomed({ rows: own, clear })}>{t('common.delete')}</button>;
        }}
      />
      {isNew && <NewExchange close={() => setNew(false)} />}
      {doomed && (
        <Bulk
          title={t('exchange.deleteMany', { count: doomed.rows.length })} text={t('exchange.deleteText')} submit={t('common.delete')}
          steps={doomed.rows.map(one => ({ name: one.name, detail: `${one.vhost} · ${one.type}`, request: { method: 'DELETE', path: `exchanges/${enc(one.vhost)}/${exchangeInPath(one.name)}` } }))}
          close={isDone => { if (isDone) { doomed.clear(); } setDoomed(undefined); }}
        />
      )}
    </>
  );
}

function NewExchange({ close }: { close: () => void }) {
  const vhosts = useVhosts();
  const types = useLive<Overview>(overviewPath).data?.exchange_types.map(type => type.name) ?? ['direct', 'fanout', 'topic', 'headers'];
  return (
    <Dialog title={t('exchange.new')} close={close} wide>
      <Form
        submit={t('common.create')} cancel={close}
        fields={[
          { name: 'name', label: t('common.name'), required: true },
          { name: 'vhost', label: t('common.vhost'), kind: 'choice', options: vhosts.map(name => [name, name]) },
          { name: 'type', label: t('exchange.type'), kind: 'choice', options: types.map(name => [name, name]) },
          { name: 'durable', label: t('object.durable'), kind: 'check', value: true, hint: t('object.durableHint') },
          { name: 'auto_delete', label: t('object.autoDelete'), kind: 'check', hint: t('exchange.autoDeleteHint') },
          { name: 'internal', label: t('exchange.internal'), kind: 'check', hint: t('exchange.internalHint') },
          { name: 'arguments', label: t('object.arguments'), kind: 'table', known: [['alternate-exchange', 'text']] },
        ]}
        request={values => ({
          method: 'PUT', path: `exchanges/${enc(text(values, 'vhost'))}/${enc(text(values, 'name'))}`,
          body: { type: values.type, durable: values.durable, auto_delete: values.auto_delete, internal: values.internal, arguments: table(values, 'arguments') },
        })}
        command={() => null}
        done={(_, values) => { close(); go(['exchanges', text(values, 'vhost'), text(values, 'name')]); return t('exchange.created', { name: quote(text(values, 'name')) }); }}
      />
    </Dialog>
  );
}
