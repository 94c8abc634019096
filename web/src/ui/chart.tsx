/** A chart over time, with its lines' present values below it. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'preact/hooks';
import { brief } from '../data/format';
import { language, t } from '../data/i18n';
import type { Series } from '../data/history';
import { theme } from './theme';

export interface Line {
  label: string;
  color: 'amber' | 'teal' | 'indigo' | 'rose' | 'slate';
}

interface Props {
  title: string;
  lines: Line[];
  series: Series;
  format: (value: number) => string;
  height?: number;
}

// 1, 2 and 5, and their tens: round at every height.
const steps = Array.from({ length: 14 }, (_, power) => [1, 2, 5].map(one => one * 10 ** (power - 1))).flat();

const styleOf = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Chart({ title, lines, series, format, height = 190 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const shown = theme.value;
  const inLanguage = language.value;
  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(optionsFor(lines, element.clientWidth || 400, height, format), dataOf(series), element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shown, inLanguage, lines.length]);
  useEffect(() => plot.current?.setData(dataOf(series)), [series.times[series.times.length - 1], series.times.length]);
  const now = lines.map((_, i) => [...(series.lines[i] ?? [])].reverse().find(value => value !== null) ?? 0);
  const told = lines.map((line, i) => `${line.label} ${format(now[i]!)}`).join(', ');
  return (
    <figure class="chart" data-points={series.times.length}>
      <figcaption>{title}</figcaption>
      <div ref={box} class="plot" role="img" aria-label={t('chart.label', { title, values: told })} />
      <ul class="legend">
        {lines.map((line, i) => <li key={line.label}><span class={`dot ${line.color}`} />{line.label}<b class="num">{format(now[i]!)}</b></li>)}
      </ul>
    </figure>
  );
}

// One moment is no line: until there is a second, it is drawn as one that has been so.
function dataOf({ times, lines }: Series): uPlot.AlignedData {
  if (times.length === 1) {
    return [[times[0]! - 60, times[0]!], ...lines.map(line => [line[0] ?? null, line[0] ?? null])];
  }

  return [times, ...lines];
}

function optionsFor(lines: Line[], width: number, height: number, format: (value: number) => string): uPlot.Options {
  const [text, grid] = [styleOf('--muted'), styleOf('--line-soft')];
  const font = `11px ${styleOf('--font')}`;
  const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width,
    height,
    padding: [10, 26, 0, 0],
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    legend: { show: false },
    scales: {
      x: { time: true, range: (_, least, most) => [Math.min(least, most - 60), most] },
      y: { range: (_, __, most) => [0, Math.max(1, most * 1.15)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, gap: 6, space: 80, values: (_, splits) => splits.map(at => new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at * 1000)) },
      { ...axis, size: 48, space: 34, incrs: steps, values: (_, splits) => splits.map(value => brief(value)) },
    ],
    series: [
      {},
      ...lines.map(line => ({
        label: line.label,
        stroke: styleOf(`--${line.color}`),
        width: 1.75,
        fill: lines.length <= 3 ? `${styleOf(`--${line.color}`)}1a` : undefined,
        points: { show: false },
        value: (_: uPlot, value: number | null) => format(value ?? 0),
      })),
    ],
  };
}
