import { useEffect } from 'preact/hooks';
import { nodesPath, overviewPath } from '../app';
import { brief, bytes, count, duration, rate } from '../data/format';
import { rateOf, record, seed } from '../data/history';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import { href } from '../data/router';
import { isMonitor } from '../data/session';
import type { MessageStats, Node, Overview } from '../data/types';
import { Badge, Card, Facts, Gauge, Loaded, PageHead, Stat } from '../ui/base';
import { Chart } from '../ui/chart';

const shownRates = ['publish', 'deliver_get', 'ack', 'redeliver', 'return_unroutable'] as const;

export function OverviewPage() {
  const live = useLive<Overview>(overviewPath);
  useEffect(() => {
    const totals = (name: string) => (overview: Overview) => overview.queue_totals[`${name}_details`] as never;
    void seed('overview', [
      { key: 'overview.rates', isRate: true, of: (overview: Overview) => shownRates.map(name => overview.message_stats?.[`${name}_details` as keyof MessageStats] as never) },
      { key: 'overview.lengths', isRate: false, of: (overview: Overview) => ['messages_ready', 'messages_unacknowledged', 'messages'].map(name => totals(name)(overview)) },
    ]).catch(() => undefined);
  }, []);
  return <Loaded live={live}>{overview => <Body overview={overview} at={live.at} />}</Loaded>;
}

function Body({ overview, at }: { overview: Overview; at: number }) {
  const { queue_totals: queues, object_totals: objects, message_stats: stats } = overview;
  const rates = record('overview.rates', at, shownRates.map(name => rateOf(stats, name)));
  const lengths = record('overview.lengths', at, [queues.messages_ready ?? 0, queues.messages_unacknowledged ?? 0, queues.messages ?? 0]);
  return (
    <>
      <PageHead title={t('nav.overview')} />
      <div class="stats">
        <Stat label={t('queue.ready')} value={count(queues.messages_ready ?? 0)} />
        <Stat label={t('queue.unacked')} value={count(queues.messages_unacknowledged ?? 0)} />
        <Stat label={t('rate.publish')} value={rate(rateOf(stats, 'publish'))} />
        <Stat label={t('rate.deliver')} value={rate(rateOf(stats, 'deliver_get'))} />
      </div>
      <div class="grid two">
        <Card title={t('overview.rates')}>
          <Chart title={t('overview.ratesText')} series={rates} format={rate} lines={[
            { label: t('rate.publish'), color: 'amber' }, { label: t('rate.deliver'), color: 'teal' }, { label: t('rate.ack'), color: 'indigo' },
            { label: t('rate.redeliver'), color: 'rose' }, { label: t('rate.unroutable'), color: 'slate' },
          ]} />
        </Card>
        <Card title={t('overview.lengths')}>
          <Chart title={t('overview.lengthsText')} series={lengths} format={brief} lines={[
            { label: t('queue.ready'), color: 'amber' }, { label: t('queue.unacked'), color: 'teal' }, { label: t('queue.total'), color: 'slate' },
          ]} />
        </Card>
      </div>
      <div class="tiles">
        {(['connections', 'channels', 'exchanges', 'queues', 'consumers'] as const).map(name => {
          const body = <><b>{count(objects[name])}</b><span>{t(`nav.${name}`)}</span></>;
          return name === 'consumers' ? <div key={name} class="tile">{body}</div> : <a key={name} class="tile" href={href([name])}>{body}</a>;
        })}
      </div>
      {isMonitor.value && <Nodes />}
      <div class="grid two">
        {overview.listeners && (
          <Card title={t('overview.ports')}>
            <div class="plain-table-box" tabIndex={0} role="region" aria-label={t('overview.ports')}>
              <table class="plain-table">
                <thead><tr><th>{t('overview.protocol')}</th><th>{t('overview.address')}</th><th class="num">{t('overview.port')}</th><th>{t('common.node')}</th></tr></thead>
                <tbody>{overview.listeners.map(one => <tr key={`${one.node}${one.protocol}${one.port}`}><td>{one.protocol}</td><td>{one.ip_address}</td><td class="num">{one.port}</td><td>{one.node}</td></tr>)}</tbody>
              </table>
            </div>
          </Card>
        )}
        <Card title={t('overview.counts')}>
          <Facts rows={[
            [t('rate.publish'), count(stats?.publish ?? 0)], [t('rate.confirm'), count(stats?.confirm ?? 0)], [t('rate.deliver'), count(stats?.deliver_get ?? 0)], [t('rate.ack'), count(stats?.ack ?? 0)],
            [t('rate.redeliver'), count(stats?.redeliver ?? 0)], [t('rate.unroutable'), count((stats?.return_unroutable ?? 0) + (stats?.drop_unroutable ?? 0))],
            [t('overview.connectionsMade'), `${count(overview.churn_rates.connection_created)} / ${count(overview.churn_rates.connection_closed)}`],
            [t('overview.channelsMade'), `${count(overview.churn_rates.channel_created)} / ${count(overview.churn_rates.channel_closed)}`],
            [t('overview.queuesMade'), `${count(overview.churn_rates.queue_declared)} / ${count(overview.churn_rates.queue_deleted)}`],
            [t('overview.runtime'), overview.erlang_full_version],
          ]} />
        </Card>
      </div>
    </>
  );
}

export function Nodes() {
  const live = useLive<Node[]>(nodesPath);
  return (
    <Loaded live={live}>
      {nodes => (
        <div class="nodes">
          {nodes.map(node => (
            <section key={node.name} class="card node">
              <header class="card-head"><h2><a href={href(['nodes', node.name])}><bdi>{node.name}</bdi></a></h2><NodeState node={node} /></header>
              <div class="gauges">
                <Gauge label={t('node.memory')} used={node.mem_used} total={node.mem_limit} text={`${bytes(node.mem_used)} / ${bytes(node.mem_limit)}`} tone={node.mem_alarm ? 'bad' : undefined} />
                <Gauge label={t('node.disk')} used={node.disk_free_limit} total={node.disk_free} text={t('node.free', { size: bytes(node.disk_free) })} tone={node.disk_free_alarm ? 'bad' : undefined} />
                <Gauge label={t('node.files')} used={node.fd_used} total={node.fd_total} text={`${count(node.fd_used)} / ${brief(node.fd_total)}`} />
              </div>
              <p class="muted">{t('node.up', { time: duration(node.uptime / 1000) })} · {t('node.processors', { count: node.processors })}</p>
            </section>
          ))}
        </div>
      )}
    </Loaded>
  );
}

export const NodeState = ({ node }: { node: Node }) =>
  node.mem_alarm ? <Badge tone="bad">{t('node.memoryAlarm')}</Badge>
  : node.disk_free_alarm ? <Badge tone="bad">{t('node.diskAlarm')}</Badge>
  : node.running ? <Badge tone="good">{t('node.running')}</Badge> : <Badge tone="bad">{t('node.down')}</Badge>;
