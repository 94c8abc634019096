/** What is around an exchange, as a picture: what feeds it at the left, where it goes at the right. */
import type { Binding } from '../data/types';
import { href } from '../data/router';
import { t } from '../data/i18n';

interface End {
  key: string;
  label: string;
  kind: 'queue' | 'exchange';
  path: string[];
  via: string[];
}

const most = 24;
const step = 44;
const box = { width: 190, height: 32 };

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

export function Topology({ name, vhost, sources, destinations }: { name: string; vhost: string; sources: Binding[]; destinations: Binding[] }) {
  const left = gather(sources, one => ({ key: one.source, label: one.source, kind: 'exchange', path: ['exchanges', vhost, one.source] }));
  const right = gather(destinations, one => ({
    key: `${one.destination_type}:${one.destination}`, label: one.destination, kind: one.destination_type, path: [`${one.destination_type}s`, vhost, one.destination],
  }));
  if (left.length === 0 && right.length === 0) {
    return null;
  }

  const shown = { left: left.slice(0, most), right: right.slice(0, most) };
  const rows = Math.max(shown.left.length, shown.right.length, 1);
  const height = rows * step + 28;
  const width = left.length > 0 ? 780 : 560;
  const middle = { x: left.length > 0 ? 295 : 10, y: height / 2 };
  const at = (i: number, all: number) => height / 2 + (i - (all - 1) / 2) * step;
  const rightX = width - box.width - 10;
  return (
    <div class="topology" tabIndex={0} role="region" aria-label={t('exchange.topology')}>
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="group" aria-label={t('exchange.topologyOf', { name: name || t('exchange.default') })}>
        {shown.left.map((end, i) => <Edge key={end.key} from={[10 + box.width, at(i, shown.left.length)]} to={[middle.x, middle.y]} via={end.via} />)}
        {shown.right.map((end, i) => <Edge key={end.key} from={[middle.x + box.width, middle.y]} to={[rightX, at(i, shown.right.length)]} via={end.via} />)}
        {shown.left.map((end, i) => <Box key={end.key} end={end} x={10} y={at(i, shown.left.length)} />)}
        {shown.right.map((end, i) => <Box key={end.key} end={end} x={rightX} y={at(i, shown.right.length)} />)}
        <g class="topology-node self" transform={`translate(${middle.x} ${middle.y - box.height / 2})`}>
          <rect width={box.width} height={box.height} rx="16" />
          <text x={box.width / 2} y="21" text-anchor="middle">{cut(name || t('exchange.default'), 24)}</text>
        </g>
      </svg>
      {left.length + right.length > shown.left.length + shown.right.length && <p class="muted">{t('exchange.topologyMore', { count: left.length + right.length - shown.left.length - shown.right.length })}</p>}
    </div>
  );
}

function gather(bindings: Binding[], endOf: (binding: Binding) => Omit<End, 'via'>): End[] {
  const ends = new Map<string, End>();
  for (const binding of bindings) {
    const end = endOf(binding);
    const known = ends.get(end.key) ?? { ...end, via: [] };
    known.via.push(binding.routing_key || Object.entries(binding.arguments).map(([name, value]) => `${name}=${String(value)}`).join(' ') || '·');
    ends.set(end.key, known);
  }

  return [...ends.values()];
}

function Edge({ from, to, via }: { from: [number, number]; to: [number, number]; via: string[] }) {
  const middle = (from[0] + to[0]) / 2;
  const label = via.length > 1 ? `${cut(via[0]!, 12)} +${via.length - 1}` : cut(via[0]!, 16);
  return (
    <g class="topology-edge">
      <path d={`M${from[0]} ${from[1]} C${middle} ${from[1]} ${middle} ${to[1]} ${to[0]} ${to[1]}`} />
      <text x={from[0] + (to[0] - from[0]) * 0.62} y={from[1] + (to[1] - from[1]) * 0.68 - 5} text-anchor="middle">{label}<title>{via.join('\n')}</title></text>
    </g>
  );
}

const Box = ({ end, x, y }: { end: End; x: number; y: number }) => (
  <a href={href(end.path)} aria-label={`${t(end.kind === 'queue' ? 'nav.queues' : 'nav.exchanges')}: ${end.label}`}>
    <g class={`topology-node ${end.kind}`} transform={`translate(${x} ${y - box.height / 2})`}>
      <title>{end.label}</title>
      <rect width={box.width} height={box.height} rx={end.kind === 'queue' ? 6 : 16} />
      <text x={box.width / 2} y="21" text-anchor="middle">{cut(end.label, 24)}</text>
    </g>
  </a>
);
