import { useState } from 'preact/hooks';
import { nodesPath, overviewPath } from '../app';
import { enc, send } from '../data/api';
import { brief, bytes, count, duration } from '../data/format';
import { record } from '../data/history';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import { isAdministrator } from '../data/session';
import type { Node, Overview } from '../data/types';
import { Badge, Card, Facts, Gauge, Loaded, PageHead, Stat, say } from '../ui/base';
import { Chart } from '../ui/chart';
import { NodeState, Nodes } from './overview';

export function Cluster() {
  const overview = useLive<Overview>(overviewPath).data;
  const nodes = useLive<Node[]>(nodesPath).data;
  const [busy, setBusy] = useState(false);
  const rebalance = async () => {
    setBusy(true);
    await send({ method: 'POST', path: 'rebalance/queues' }).then(() => say(t('cluster.rebalancing')), (error: Error) => say(error.message, 'bad'));
    setBusy(false);
  };
  return (
    <>
      <PageHead
        kind={t('nav.cluster')} title={overview?.cluster_name ?? '…'}
        actions={isAdministrator.value ? <button type="button" disabled={busy} onClick={() => void rebalance()}>{t('cluster.rebalance')}</button> : undefined}
      />
      {overview && nodes && (
        <div class="stats">
          <Stat label={t('cluster.nodes')} value={count(nodes.length)} />
          <Stat label={t('nav.queues')} value={count(overview.object_totals.queues)} />
          <Stat label={t('nav.connections')} value={count(overview.object_totals.connections)} />
          <Stat label={t('cluster.version')} value={overview.product_version} />
        </div>
      )}
      <Nodes />
      <p class="muted">{t('cluster.rebalanceText')}</p>
    </>
  );
}

export function NodePage({ name }: { name: string }) {
  const live = useLive<Node>(`nodes/${enc(name)}`);
  return (
    <Loaded live={live}>
      {node => {
        const memory = record(`node.${name}.memory`, live.at, [node.mem_used]);
        const sockets = record(`node.${name}.sockets`, live.at, [node.sockets_used, node.fd_used]);
        return (
          <>
            <PageHead kind={t('common.node')} title={node.name} badges={<NodeState node={node} />} />
            <Card title={t('node.resources')}>
              <div class="grid two tight">
                <Gauge label={t('node.memory')} used={node.mem_used} total={node.mem_limit} text={`${bytes(node.mem_used)} / ${bytes(node.mem_limit)}`} tone={node.mem_alarm ? 'bad' : undefined} />
                <Gauge label={t('node.disk')} used={node.disk_free_limit} total={node.disk_free} text={t('node.free', { size: bytes(node.disk_free) })} tone={node.disk_free_alarm ? 'bad' : undefined} />
                <Gauge label={t('node.files')} used={node.fd_used} total={node.fd_total} text={`${count(node.fd_used)} / ${brief(node.fd_total)}`} />
                <Gauge label={t('node.sockets')} used={node.sockets_used} total={node.sockets_total} text={`${count(node.sockets_used)} / ${brief(node.sockets_total)}`} />
              </div>
            </Card>
            <div class="grid two">
              <Card title={t('node.memory')}><Chart title={t('node.memoryText')} series={memory} format={bytes} lines={[{ label: t('node.memory'), color: 'amber' }]} /></Card>
              <Card title={t('node.sockets')}><Chart title={t('node.socketsText')} series={sockets} format={brief} lines={[{ label: t('node.sockets'), color: 'teal' }, { label: t('node.files'), color: 'slate' }]} /></Card>
            </div>
            <Card title={t('common.details')}>
              <Facts rows={[
                [t('node.upFor'), duration(node.uptime / 1000)], [t('node.pid'), node.os_pid], [t('node.cpus'), count(node.processors)], [t('node.runQueue'), count(node.run_queue)],
                [t('node.threads'), count(node.proc_used)], [t('node.collections'), count(node.gc_num)], [t('node.allocated'), bytes(node.gc_bytes_reclaimed)],
                [t('node.plugins'), <>{node.enabled_plugins.map(plugin => <Badge key={plugin}>{plugin}</Badge>)}</>],
              ]} />
            </Card>
          </>
        );
      }}
    </Loaded>
  );
}
