import { useState } from 'preact/hooks';
import { enc, exchangeInPath } from '../data/api';
import { t } from '../data/i18n';
import type { Binding } from '../data/types';
import { Badge, Name } from '../ui/base';
import { Confirm } from '../ui/form';
import { DataTable, type Column } from '../ui/table';
import { TableText } from '../ui/arguments';

const keyOf = (one: Binding) => `${one.source} ${one.destination_type} ${one.destination} ${one.properties_key}`;

const requestOf = (one: Binding) => ({
  method: 'DELETE' as const,
  path: `bindings/${enc(one.vhost)}/e/${exchangeInPath(one.source)}/${one.destination_type === 'queue' ? 'q' : 'e'}/${enc(one.destination)}/${enc(one.properties_key)}`,
});

/** Bindings, by their other end. */
export function BindingTable({ rows, end, fixed = false }: { rows: Binding[]; end: 'source' | 'destination'; fixed?: boolean }) {
  const [doomed, setDoomed] = useState<Binding>();
  const columns: Column<Binding>[] = [
    {
      key: 'end', title: end === 'source' ? t('binding.from') : t('binding.to'),
      cell: one => (end === 'source'
        ? <Name path={['exchanges', one.vhost, one.source || 'amq.default']}>{one.source}</Name>
        : <><Name path={[`${one.destination_type}s`, one.vhost, one.destination]}>{one.destination}</Name> {one.destination_type === 'exchange' && <Badge>{t('palette.exchange')}</Badge>}</>),
    },
    { key: 'key', title: t('message.key'), cell: one => (one.routing_key === '' ? '' : <code><bdi>{one.routing_key}</bdi></code>) },
    { key: 'arguments', title: t('object.arguments'), minor: true, cell: one => <TableText of={one.arguments} /> },
    ...(fixed ? [] : [{ key: 'remove', title: '', numeric: true, cell: (one: Binding) => (one.source === '' ? '' : <button type="button" class="ghost small" aria-label={t('binding.removeOne', { key: one.routing_key, name: end === 'source' ? one.source : one.destination })} onClick={() => setDoomed(one)}>{t('binding.remove')}</button>) }]),
  ];
  return (
    <>
      <DataTable inline label={t('exchange.bindings')} columns={columns} count={rows.length} rowAt={i => rows[i]} keyOf={keyOf} />
      {doomed && (
        <Confirm
          title={t('binding.remove')} text={t('binding.removeText', { source: doomed.source, destination: doomed.destination, key: doomed.routing_key })} request={requestOf(doomed)}
          submit={t('binding.remove')} close={() => setDoomed(undefined)} done={() => t('binding.removed')}
        />
      )}
    </>
  );
}
