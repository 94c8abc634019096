import { enc } from '../data/api';
import { clock, count, rate } from '../data/format';
import { rateOf, record } from '../data/history';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import type { Channel, Consumer } from '../data/types';
import { Badge, Card, Empty, Facts, Loaded, Name, PageHead, Stat } from '../ui/base';
import { Chart } from '../ui/chart';
import { ListPage } from '../ui/list';
import { DataTable, type Column } from '../ui/table';

const mode = (one: Channel) => (
  <>
    {one.confirm && <Badge title={t('channel.confirms')}>C</Badge>}
    {one.transactional && <Badge title={t('channel.transactions')}>T</Badge>}
  </>
);

const columns = (): Column<Channel>[] => [
  { key: 'name', title: t('common.name'), sort: 'name', cell: one => <Name path={['channels', one.name]}>{one.name}</Name> },
  { key: 'vhost', title: t('common.vhost'), sort: 'vhost', minor: true, cell: one => <bdi>{one.vhost}</bdi> },
  { key: 'user', title: t('common.user'), sort: 'user', minor: true, cell: one => <bdi>{one.user}</bdi> },
  { key: 'mode', title: t('channel.mode'), minor: true, cell: mode },
  { key: 'state', title: t('common.state'), minor: true, cell: one => (one.idle_since ? <Badge>{t('state.idle')}</Badge> : <Badge tone="good">{t('state.running')}</Badge>) },
  { key: 'prefetch', title: t('channel.prefetch'), sort: 'prefetch_count', numeric: true, cell: one => (one.prefetch_count || one.global_prefetch_count ? count(one.prefetch_count || one.global_prefetch_count) : '∞') },
  { key: 'consumers', title: t('nav.consumers'), sort: 'consumer_count', numeric: true, cell: one => count(one.consumer_count) },
  { key: 'unacked', title: t('queue.unacked'), sort: 'messages_unacknowledged', numeric: true, cell: one => count(one.messages_unacknowledged) },
  { key: 'unconfirmed', title: t('channel.unconfirmed'), sort: 'messages_unconfirmed', numeric: true, minor: true, cell: one => count(one.messages_unconfirmed) },
  { key: 'publish', title: t('rate.publish'), sort: 'message_stats.publish_details.rate', numeric: true, minor: true, cell: one => rate(rateOf(one.message_stats, 'publish')) },
  { key: 'deliver', title: t('rate.deliver'), sort: 'message_stats.deliver_get_details.rate', numeric: true, minor: true, cell: one => rate(rateOf(one.message_stats, 'deliver_get')) },
  { key: 'ack', title: t('rate.ack'), sort: 'message_stats.ack_details.rate', numeric: true, minor: true, cell: one => rate(rateOf(one.message_stats, 'ack')) },
  { key: 'node', title: t('common.node'), sort: 'node', extra: true, minor: true, cell: one => one.node },
];

export const Channels = () => (
  <ListPage
    name="channels" title="nav.channels" path="channels" columns={columns()} keyOf={one => one.name} vhosts={vhost => `vhosts/${enc(vhost)}/channels`}
    fields="name,vhost,user,confirm,transactional,idle_since,prefetch_count,global_prefetch_count,consumer_count,messages_unacknowledged,messages_unconfirmed,message_stats,node"
    empty={{ title: 'channel.none', text: t('channel.noneText') }}
  />
);

export const ChannelTable = ({ rows }: { rows: Channel[] }) => (
  <DataTable inline label={t('nav.channels')} columns={columns().filter(column => !['vhost', 'user', 'node'].includes(column.key))} count={rows.length} rowAt={i => rows[i]} keyOf={one => one.name} />
);

export function ChannelPage({ name }: { name: string }) {
  const live = useLive<Channel>(`channels/${enc(name)}`);
  return (
    <Loaded live={live}>
      {one => {
        const stats = one.message_stats;
        const series = record(`channel.${name}`, live.at, [rateOf(stats, 'publish'), rateOf(stats, 'deliver_get'), rateOf(stats, 'ack')]);
        return (
          <>
            <PageHead kind={t('palette.channel')} title={one.name} badges={mode(one)} />
            <div class="stats">
              <Stat label={t('queue.unacked')} value={count(one.messages_unacknowledged)} />
              <Stat label={t('channel.unconfirmed')} value={count(one.messages_unconfirmed)} />
              <Stat label={t('channel.prefetch')} value={one.prefetch_count ? count(one.prefetch_count) : '∞'} />
              <Stat label={t('nav.consumers')} value={count(one.consumer_count)} />
            </div>
            <div class="grid two">
              <Card title={t('overview.rates')}>
                <Chart title={t('overview.ratesText')} series={series} format={rate} lines={[{ label: t('rate.publish'), color: 'amber' }, { label: t('rate.deliver'), color: 'teal' }, { label: t('rate.ack'), color: 'indigo' }]} />
              </Card>
              <Card title={t('common.details')}>
                <Facts rows={[
                  [t('palette.connection'), <Name path={['connections', one.connection_details.name]}>{one.connection_details.name}</Name>],
                  [t('common.user'), <bdi>{one.user}</bdi>], [t('common.vhost'), <bdi>{one.vhost}</bdi>], [t('common.node'), one.node], [t('channel.number'), one.number],
                  [t('channel.globalPrefetch'), one.global_prefetch_count ? count(one.global_prefetch_count) : '∞'],
                  [t('channel.idle'), one.idle_since ? clock(Date.parse(one.idle_since)) : '–'],
                  [t('rate.publish'), count(stats?.publish ?? 0)], [t('rate.confirm'), count(stats?.confirm ?? 0)], [t('rate.deliver'), count(stats?.deliver_get ?? 0)], [t('rate.ack'), count(stats?.ack ?? 0)],
                ]} />
              </Card>
            </div>
            <Card title={t('nav.consumers')}><ConsumerTable rows={one.consumer_details ?? []} withQueue /></Card>
          </>
        );
      }}
    </Loaded>
  );
}

export function ConsumerTable({ rows, withQueue = false, full }: { rows: Consumer[]; withQueue?: boolean; full?: Set<string> }) {
  if (rows.length === 0) {
    return <Empty title={t('consumer.none')}>{t('consumer.noneText')}</Empty>;
  }

  const all: Column<Consumer>[] = [
    { key: 'tag', title: t('consumer.tag'), cell: one => <code><bdi>{one.consumer_tag}</bdi></code> },
    { key: 'where', title: withQueue ? t('palette.queue') : t('palette.channel'), cell: one => (withQueue ? <Name path={['queues', one.queue.vhost, one.queue.name]}>{one.queue.name}</Name> : <Name path={['channels', one.channel_details.name]}>{one.channel_details.name}</Name>) },
    { key: 'ack', title: t('consumer.ack'), minor: true, cell: one => (one.ack_required ? t('common.yes') : t('common.no')) },
    { key: 'prefetch', title: t('channel.prefetch'), numeric: true, cell: one => (one.prefetch_count ? count(one.prefetch_count) : '∞') },
    { key: 'state', title: t('common.state'), cell: one => (full?.has(one.channel_details.name) ? <Badge tone="warn">{t('consumer.full')}</Badge> : one.active ? <Badge tone="good">{one.exclusive ? t('consumer.exclusive') : t('consumer.active')}</Badge> : <Badge>{t('consumer.waiting')}</Badge>) },
  ];
  return <DataTable inline label={t('nav.consumers')} columns={all} count={rows.length} rowAt={i => rows[i]} keyOf={one => `${one.channel_details.name} ${one.consumer_tag}`} />;
}
