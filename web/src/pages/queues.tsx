import { useState } from 'preact/hooks';
import { enc, quote, type Request } from '../data/api';
import { bytes, clock, count, rate } from '../data/format';
import { rateOf } from '../data/history';
import { t } from '../data/i18n';
import { go } from '../data/router';
import type { Queue } from '../data/types';
import { Badge, Name } from '../ui/base';
import { Bulk, type Step } from '../ui/bulk';
import { Dialog } from '../ui/dialog';
import { Form, table, text } from '../ui/form';
import { Icon } from '../ui/icons';
import { ListPage, ofVhost, useVhosts } from '../ui/list';
import { queueArguments, TableText } from '../ui/arguments';
import type { Column } from '../ui/table';

export const queuePath = (vhost: string, name: string) => `queues/${enc(vhost)}/${enc(name)}`;

const short: Record<string, string> = {
  'x-message-ttl': 'TTL', 'x-expires': 'Exp', 'x-max-length': 'Lim', 'x-max-length-bytes': 'Lim B', 'x-dead-letter-exchange': 'DLX', 'x-dead-letter-routing-key': 'DLK',
  'x-single-active-consumer': 'SAC', 'x-max-priority': 'Pri', 'x-overflow': 'Ovfl', 'x-delivery-limit': 'DL',
};

export const QueueBadges = ({ one }: { one: Queue }) => (
  <>
    {one.type !== 'classic' && <Badge tone="accent">{one.type}</Badge>}
    {one.durable && <Badge title={t('object.durable')}>D</Badge>}
    {one.auto_delete && <Badge title={t('object.autoDelete')}>AD</Badge>}
    {one.exclusive && <Badge title={t('queue.exclusive')}>E</Badge>}
    {Object.entries(one.arguments ?? {}).filter(([name]) => name in short).map(([name, value]) => <Badge key={name} title={`${name}: ${String(value)}`}>{short[name]}</Badge>)}
    {one.policy && <Badge tone="accent" title={t('object.policy')}><bdi>{one.policy}</bdi></Badge>}
    {one.operator_policy && <Badge tone="accent" title={t('policy.operator')}><bdi>{one.operator_policy}</bdi></Badge>}
  </>
);

export const QueueState = ({ one }: { one: Queue }) =>
  one.state !== 'running' ? <Badge tone={one.state === 'flow' ? 'warn' : 'bad'}>{one.state}</Badge>
  : one.idle_since ? <Badge>{t('state.idle')}</Badge> : <Badge tone="good">{t('state.running')}</Badge>;

const columns = (): Column<Queue>[] => [
  { key: 'name', title: t('common.name'), sort: 'name', cell: one => <Name path={['queues', one.vhost, one.name]}>{one.name}</Name> },
  { key: 'vhost', title: t('common.vhost'), sort: 'vhost', minor: true, cell: one => <bdi>{one.vhost}</bdi> },
  { key: 'features', title: t('object.features'), minor: true, cell: one => <QueueBadges one={one} /> },
  { key: 'state', title: t('common.state'), minor: true, cell: one => <QueueState one={one} /> },
  { key: 'ready', title: t('queue.ready'), sort: 'messages_ready', numeric: true, cell: one => count(one.messages_ready) },
  { key: 'unacked', title: t('queue.unacked'), sort: 'messages_unacknowledged', numeric: true, cell: one => count(one.messages_unacknowledged) },
  { key: 'total', title: t('queue.total'), sort: 'messages', numeric: true, extra: true, minor: true, cell: one => count(one.messages) },
  { key: 'consumers', title: t('nav.consumers'), sort: 'consumers', numeric: true, cell: one => count(one.consumers) },
  { key: 'in', title: t('rate.incoming'), sort: 'message_stats.publish_details.rate', numeric: true, minor: true, cell: one => rate(rateOf(one.message_stats, 'publish')) },
  { key: 'out', title: t('rate.deliver'), sort: 'message_stats.deliver_get_details.rate', numeric: true, minor: true, cell: one => rate(rateOf(one.message_stats, 'deliver_get')) },
  { key: 'ack', title: t('rate.ack'), sort: 'message_stats.ack_details.rate', numeric: true, minor: true, cell: one => rate(rateOf(one.message_stats, 'ack')) },
  { key: 'bytes', title: t('queue.bytes'), sort: 'message_bytes', numeric: true, extra: true, minor: true, cell: one => bytes(one.message_bytes) },
  { key: 'memory', title: t('node.memory'), sort: 'memory', numeric: true, extra: true, minor: true, cell: one => bytes(one.memory) },
  { key: 'node', title: t('common.node'), sort: 'node', extra: true, minor: true, cell: one => one.node },
  { key: 'idle', title: t('queue.idleSince'), sort: 'idle_since', extra: true, minor: true, cell: one => (one.idle_since ? clock(Date.parse(one.idle_since)) : '–') },
  { key: 'arguments', title: t('object.arguments'), extra: true, minor: true, cell: one => <TableText of={one.arguments} /> },
];

const fields = 'name,vhost,type,durable,auto_delete,exclusive,arguments,policy,operator_policy,state,idle_since,messages,messages_ready,messages_unacknowledged,consumers,message_bytes,memory,node,'
  + 'message_stats.publish_details,message_stats.deliver_get_details,message_stats.ack_details';

const requests: Record<'purge' | 'delete', (one: Queue) => Request> = {
  purge: one => ({ method: 'DELETE', path: `${queuePath(one.vhost, one.name)}/contents` }),
  delete: one => ({ method: 'DELETE', path: queuePath(one.vhost, one.name) }),
};

export function Queues() {
  const [isNew, setNew] = useState(false);
  const [doing, setDoing] = useState<{ what: 'purge' | 'delete'; rows: Queue[]; clear: () => void }>();
  const steps = (what: 'purge' | 'delete', rows: Queue[]): Step[] => rows.map(one => ({
    name: one.name, detail: `${one.vhost} · ${t('queue.messages', { count: count(one.messages) })} · ${t('queue.consumers', { count: count(one.consumers) })}`, request: requests[what](one),
  }));
  return (
    <>
      <ListPage
        name="queues" title="nav.queues" path="queues" columns={columns()} keyOf={one => `${one.vhost} ${one.name}`} fields={fields} vhosts={ofVhost('queues')}
        empty={{ title: 'queue.none', text: <><p>{t('queue.noneText')}</p><button type="button" class="primary" onClick={() => setNew(true)}>{t('queue.new')}</button></> }}
        actions={<button type="button" class="primary" onClick={() => setNew(true)}><Icon name="plus" />{t('queue.new')}</button>}
        bulk={(rows, clear) => (
          <>
            <button type="button" onClick={() => setDoing({ what: 'purge', rows, clear })}>{t('queue.purge')}</button>
            <button type="button" class="danger" onClick={() => setDoing({ what: 'delete', rows, clear })}>{t('common.delete')}</button>
          </>
        )}
      />
      {isNew && <NewQueue close={() => setNew(false)} />}
      {doing && (
        <Bulk
          title={t(doing.what === 'purge' ? 'queue.purgeMany' : 'queue.deleteMany', { count: doing.rows.length })} text={t(doing.what === 'purge' ? 'queue.purgeText' : 'queue.deleteText')}
          submit={t(doing.what === 'purge' ? 'queue.purge' : 'common.delete')} steps={steps(doing.what, doing.rows)}
          close={isDone => { if (isDone) { doing.clear(); } setDoing(undefined); }}
        />
      )}
    </>
  );
}

function NewQueue({ close }: { close: () => void }) {
  const vhosts = useVhosts();
  return (
    <Dialog title={t('queue.new')} close={close} wide>
      <Form
        submit={t('common.create')} cancel={close}
        fields={[
          { name: 'name', label: t('common.name'), required: true },
          { name: 'vhost', label: t('common.vhost'), kind: 'choice', options: vhosts.map(name => [name, name]) },
          { name: 'type', label: t('queue.type'), kind: 'choice', options: [['', t('queue.typeDefault')], ['classic', 'classic'], ['quorum', 'quorum'], ['stream', 'stream']] },
          { name: 'durable', label: t('object.durable'), kind: 'check', value: true, hint: t('object.durableHint') },
          { name: 'auto_delete', label: t('object.autoDelete'), kind: 'check', hint: t('queue.autoDeleteHint') },
          { name: 'arguments', label: t('object.arguments'), kind: 'table', known: queueArguments },
        ]}
        request={values => ({
          method: 'PUT', path: queuePath(text(values, 'vhost'), text(values, 'name')),
          body: { durable: values.durable, auto_delete: values.auto_delete, arguments: { ...table(values, 'arguments'), ...(values.type === '' ? {} : { 'x-queue-type': values.type }) } },
        })}
        done={(_, values) => { close(); go(['queues', text(values, 'vhost'), text(values, 'name')]); return t('queue.created', { name: quote(text(values, 'name')) }); }}
      />
    </Dialog>
  );
}
