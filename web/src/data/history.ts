/** Samples for the charts: of what the broker kept, where it keeps any, and of what is told while the window is open. */
import { get } from './api';
import type { Details, MessageStats } from './types';

export interface Series {
  /** Seconds since 1970, rising. */
  times: number[];
  /** For each line, as many as there are times. */
  lines: (number | null)[][];
}

const most = 900;
const kept = new Map<string, Series>();
const seeded = new Set<string>();

/** Adds a sample and answers with all of the key's. */
export function record(key: string, at: number, values: (number | null)[]): Series {
  const series = kept.get(key) ?? { times: [], lines: values.map(() => []) };
  const time = Math.round(at / 1000);
  if (at > 0 && (series.times.length === 0 || time > series.times[series.times.length - 1]!)) {
    series.times.push(time);
    values.forEach((value, line) => series.lines[line]!.push(value));
    if (series.times.length > most) {
      series.times.shift();
      series.lines.forEach(line => line.shift());
    }
  }

  kept.set(key, series);
  return series;
}

type Sampled = Details & { samples?: { sample: number; timestamp: number }[] };

/** Puts what the broker remembers in front of what this window does, once. */
export async function seed(path: string, keys: { key: string; of: (object: never) => (Details | undefined)[]; isRate: boolean }[]) {
  if (seeded.has(path)) {
    return;
  }

  seeded.add(path);
  const ages = 'msg_rates_age=600&msg_rates_incr=5&lengths_age=600&lengths_incr=5';
  const object = await get<never>(`${path}${path.includes('?') ? '&' : '?'}${ages}`);
  for (const { key, of, isRate } of keys) {
    const all = (of(object) as (Sampled | undefined)[]).map(details => [...(details?.samples ?? [])].reverse());
    const longest = all.reduce((a, b) => (b.length > a.length ? b : a), []);
    if (longest.length < 3) {
      continue;
    }

    const present = kept.get(key) ?? { times: [], lines: all.map(() => []) };
    const before = present.times[0] ?? Infinity;
    const times: number[] = [];
    const lines: (number | null)[][] = all.map(() => []);
    for (let i = isRate ? 1 : 0; i < longest.length; i++) {
      const time = Math.round(longest[i]!.timestamp / 1000);
      if (time < before && (times.length === 0 || time > times[times.length - 1]!)) {
        times.push(time);
        all.forEach((samples, line) => lines[line]!.push(valueAt(samples, i - (longest.length - samples.length), isRate)));
      }
    }

    kept.set(key, { times: [...times, ...present.times], lines: lines.map((line, i) => [...line, ...present.lines[i]!]) });
  }
}

function valueAt(samples: { sample: number; timestamp: number }[], i: number, isRate: boolean): number | null {
  const [now, before] = [samples[i], samples[i - 1]];
  if (!isRate || now === undefined || before === undefined) {
    return isRate ? 0 : (now?.sample ?? null);
  }

  return Math.max(0, ((now.sample - before.sample) * 1000) / Math.max(1, now.timestamp - before.timestamp));
}

export const rateOf = (stats: MessageStats | undefined, name: keyof MessageStats) => (stats?.[`${name}_details` as keyof MessageStats] as Details | undefined)?.rate ?? 0;
