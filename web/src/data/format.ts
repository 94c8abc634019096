/** Numbers, sizes and times as people read them. */
import { language, t } from './i18n';

const locale = () => (language.value === 'zh' ? 'zh-CN' : 'en-GB');

export const count = (value: number | undefined | null): string =>
  value === undefined || value === null || !Number.isFinite(value) ? '–' : new Intl.NumberFormat(locale(), { maximumFractionDigits: 0 }).format(value);

/** Short, for charts and cards: 12.3k. */
export const brief = (value: number): string =>
  new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: Math.abs(value) < 1000 ? (Math.abs(value) < 10 && !Number.isInteger(value) ? 1 : 0) : 1 }).format(value);

export const rate = (value: number | undefined | null): string => {
  const number = value ?? 0;
  return `${Math.abs(number) >= 10_000 ? brief(number) : new Intl.NumberFormat(locale(), { maximumFractionDigits: Math.abs(number) < 10 ? 1 : 0 }).format(number)}/s`;
};

export function bytes(value: number | undefined | null): string {
  if (value === undefined || value === null) {
    return '–';
  }

  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }

  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** A length of time in its two largest units. */
export function duration(seconds: number): string {
  const parts: [number, string][] = [[86400, t('time.d')], [3600, t('time.h')], [60, t('time.m')], [1, t('time.s')]];
  let left = Math.max(0, Math.round(seconds));
  const told: string[] = [];
  for (const [size, name] of parts) {
    const whole = Math.floor(left / size);
    left -= whole * size;
    if (whole > 0 || (size === 1 && told.length === 0)) {
      told.push(`${whole} ${name}`);
    }

    if (told.length === 2) {
      break;
    }
  }

  return told.join(' ');
}

export const clock = (milliseconds: number): string =>
  new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(milliseconds));

/** A value of a table of arguments. */
export const value = (of: unknown): string => (typeof of === 'string' ? of : JSON.stringify(of));
