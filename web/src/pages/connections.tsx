import { useState } from 'preact/hooks';
import { enc } from '../data/api';
import { bytes, clock, count, duration } from '../data/format';
import { record } from '../data/history';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import { go } from '../data/router';
import type { Channel, Connection } from '../data/types';
import { Badge, Card, Empty, Facts, Loaded, Name, PageHead, Stat } from '../ui/base';
import { Bulk } from '../ui/bulk';
import { Chart } from '../ui/chart';
import { Confirm } from '../ui/form';
import { ListPage } from '../ui/list';
import { TableText } from '../ui/arguments';
import type { Column } from '../ui/table';
import { ChannelTable } from './channels';

const octets = (value: number | undefined) => `${bytes(value ?? 0)}/s`;

const columns: Column<Connection>[] = [
  { key: 'name', title: '', sort: 'name', cell: one => <><Name path={['connections', one.name]}>{one.user_provided_name ?? one.name}</Name>{one.user_provided_name && <small class="muted"> <bdi>{one.name}</bdi></small>}</> },
  { key: 'vhost', title: '', sort: 'vhost', minor: true, cell: one => <bdi>{one.vhost}</bdi> },
  { key: 'user', title: '', sort: 'user', cell: one => <bdi>{one.user}</bdi> },
  { key: 'state', title: '', sort: 'state', cell: one => <ConnectionState state={one.state} /> },
  { key: 'tls', title: '', sort: 'ssl', minor: true, cell: one => (one.ssl ? <Badge tone="good">TLS</Badge> : '') },
  { key: 'protocol', title: '', sort: 'protocol', minor: true, extra: true, cell: one => one.protocol },
  { key: 'node', title: '', sort: 'node', extra: true, minor: true, cell: one => one.node },
  { key: 'channels', title: '', sort: 'channels', numeric: true, cell: one => count(one.channels) },
  { key: 'received', title: '', sort: 'recv_oct_details.rate', numeric: true, minor: true, cell: one => octets(one.recv_oct_details?.rate) },
  { key: 'sent', title: '', sort: 'send_oct_details.rate', numeric: true, minor: true, cell: one => octets(one.send_oct_details?.rate) },
  { key: 'connected', title: '', sort: 'connected_at', extra: true, minor: true, cell: one => clock(one.connected_at) },
];

const titled = () => {
  const titles = {
    name: t('common.name'), vhost: t('common.vhost'), user: t('common.user'), state: t('common.state'), tls: 'TLS', protocol: t('overview.protocol'), node: t('common.node'),
    channels: t('nav.channels'), received: t('connection.received'), sent: t('connection.sent'), connected: t('connection.since'),
  };
  return columns.map(column => ({ ...column, title: titles[column.key as keyof typeof titles] }));
};

export const ConnectionState = ({ state }: { state: string }) =>
  <Badge tone={state === 'running' ? 'good' : state === 'blocked' || state === 'blocking' ? 'bad' : state === 'flow' ? 'warn' : 'plain'}>{state}</Badge>;

const closing = (one: { name: string }, reason = '') => ({
  method: 'DELETE' as const, path: `connections/${enc(one.name)}`, headers: reason === '' ? undefined : { 'X-Reason': reason },
});

export function Connections() {
  const [doomed, setDoomed] = useState<{ rows: Connection[]; clear: () => void }>();
  return (
    <>
      <ListPage
        name="connections" title="nav.connections" path="connections" columns={titled()} keyOf={one => one.name}
        fields="name,user_provided_name,vhost,user,state,ssl,protocol,node,channels,recv_oct_details,send_oct_details,connected_at"
        vhosts={vhost => `vhosts/${enc(vhost)}/connections`} empty={{ title: 'connection.none', text: t('connection.noneText') }}
        bulk={(rows, clear) => <button type="button" class="danger" onClick={() => setDoomed({ rows, clear })}>{t('connection.close')}</button>}
      />
      {doomed && (
        <Bulk
          title={t('connection.closeMany', { count: doomed.rows.length })} text={t('connection.closeText')} submit={t('connection.close')}
          steps={doomed.rows.map(one => ({ name: one.name, detail: `${one.user} · ${count(one.channels)} ${t('nav.channels')}`, request: closing(one) }))}
          close={isDone => { if (isDone) { doomed.clear(); } setDoomed(undefined); }}
        />
      )}
    </>
  );
}

export function ConnectionPage({ name }: { name: string }) {
  const live = useLive<Connection>(`connections/${enc(name)}`);
  const channels = useLive<Channel[]>(`connections/${enc(name)}/channels`);
  const [isClosing, setClosing] = useState(false);
  return (
    <Loaded live={live}>
      {one => {
        const series = record(`connection.${name}`, live.at, [one.recv_oct_details?.rate ?? 0, one.send_oct_details?.rate ?? 0]);
        return (
          <>
            <PageHead
              kind={t('palette.connection')} title={one.user_provided_name ?? one.name} badges={<><ConnectionState state={one.state} />{one.ssl && <Badge tone="good">TLS</Badge>}</>}
              actions={<button type="button" class="danger" onClick={() => setClosing(true)}>{t('connection.close')}</button>}
            />
            <div class="stats">
              <Stat label={t('nav.channels')} value={count(one.channels)} unit={`/ ${count(one.channel_max)}`} />
              <Stat label={t('connection.received')} value={bytes(one.recv_oct)} />
              <Stat label={t('connection.sent')} value={bytes(one.send_oct)} />
              <Stat label={t('connection.since')} value={duration((Date.now() - one.connected_at) / 1000)} />
            </div>
            <div class="grid two">
              <Card title={t('connection.traffic')}>
                <Chart title={t('connection.trafficText')} series={series} format={value => octets(value)} lines={[{ label: t('connection.received'), color: 'amber' }, { label: t('connection.sent'), color: 'teal' }]} />
              </Card>
              <Card title={t('common.details')}>
                <Facts rows={[
                  [t('common.name'), <bdi>{one.name}</bdi>], [t('common.user'), <bdi>{one.user}</bdi>], [t('common.vhost'), <bdi>{one.vhost}</bdi>], [t('common.node'), one.node],
                  [t('overview.protocol'), one.protocol], [t('connection.mechanism'), one.auth_mechanism], [t('connection.heartbeat'), duration(one.timeout)], [t('connection.frameMax'), bytes(one.frame_max)],
                  [t('connection.unsent'), bytes(one.send_pend)], ['TLS', one.ssl ? `${one.ssl_protocol ?? ''} ${one.ssl_cipher ?? ''}` : t('common.no')],
                  ...(one.peer_cert_subject ? [[t('connection.certificate'), <bdi>{one.peer_cert_subject}</bdi>] as [string, preact.ComponentChildren]] : []),
                ]} />
              </Card>
            </div>
            <Card title={t('nav.channels')}>
              <Loaded live={channels}>{all => (all.length === 0 ? <Empty title={t('channel.none')} /> : <ChannelTable rows={all} />)}</Loaded>
            </Card>
            <Card title={t('connection.client')}><div class="arguments"><TableText of={one.client_properties} /></div></Card>
            {isClosing && (
              <Confirm
                title={t('connection.close')} text={t('connection.closeOne', { name: one.user_provided_name ?? one.name })} request={closing(one, 'Closed by an operator')}
                submit={t('connection.close')} close={() => setClosing(false)} done={() => { go(['connections']); return t('connection.closed'); }}
              />
            )}
          </>
        );
      }}
    </Loaded>
  );
}
