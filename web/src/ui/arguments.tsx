/** Tables of arguments and headers: names, values and their types. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { t } from '../data/i18n';
import { Icon } from './icons';

export interface Row {
  name: string;
  value: string;
  kind: 'text' | 'number' | 'boolean' | 'list';
}

export const row = (name: string, value: string, kind: Row['kind'] = 'text'): Row => ({ name, value, kind });

/** As JSON has it. */
export const toTable = (rows: Row[]): Record<string, unknown> => Object.fromEntries(rows.filter(one => one.name !== '').map(one => [one.name, valueOf(one)]));

function valueOf({ value, kind }: Row): unknown {
  switch (kind) {
    case 'number':
      if (value.trim() === '' || !Number.isFinite(Number(value))) {
        throw new Error(t('form.notNumber', { value }));
      }

      return Number(value);
    case 'boolean':
      return value.trim().toLowerCase() === 'true';
    case 'list':
      return value.split(',').map(part => part.trim());
    default:
      return value;
  }
}

export function rowsOf(table: Record<string, unknown>): Row[] {
  return Object.entries(table).map(([name, value]) =>
    typeof value === 'number' ? row(name, String(value), 'number')
    : typeof value === 'boolean' ? row(name, String(value), 'boolean')
    : Array.isArray(value) ? row(name, value.join(', '), 'list')
    : row(name, typeof value === 'string' ? value : JSON.stringify(value)));
}

export function TableField({ label, hint, known, rows, set }: {
  label: string; hint?: ComponentChildren; known: [string, string][]; rows: Row[]; set: (rows: Row[]) => void;
}) {
  const id = useId();
  const change = (at: number, part: Partial<Row>) => set(rows.map((one, i) => (i === at ? { ...one, ...part } : one)));
  const add = (name: string, kind: Row['kind']) => set([...rows, row(name, kind === 'boolean' ? 'true' : '', kind)]);
  const kinds: [Row['kind'], string][] = [['text', t('kind.text')], ['number', t('kind.number')], ['boolean', t('kind.boolean')], ['list', t('kind.list')]];
  return (
    <fieldset class="field wide table-field">
      <legend>{label}</legend>
      {hint && <small>{hint}</small>}
      {rows.map((one, i) => (
        <div class="table-row" key={i}>
          <input aria-label={t('form.name')} value={one.name} placeholder={t('form.name')} list={`${id}-known`} onInput={event => change(i, { name: event.currentTarget.value })} spellcheck={false} />
          <input aria-label={t('form.value')} value={one.value} placeholder={t('form.value')} onInput={event => change(i, { value: event.currentTarget.value })} spellcheck={false} />
          <select aria-label={t('form.kind')} value={one.kind} onChange={event => change(i, { kind: event.currentTarget.value as Row['kind'] })}>
            {kinds.map(([kind, title]) => <option key={kind} value={kind}>{title}</option>)}
          </select>
          <button type="button" class="ghost icon-button" aria-label={t('form.removeRow', { name: one.name })} onClick={() => set(rows.filter((_, at) => at !== i))}><Icon name="close" /></button>
        </div>
      ))}
      <datalist id={`${id}-known`}>{known.map(([name]) => <option key={name} value={name} />)}</datalist>
      <div class="chips">
        <button type="button" class="chip" onClick={() => add('', 'text')}><Icon name="plus" />{t('form.addRow')}</button>
        {known.filter(([name]) => !rows.some(one => one.name === name)).slice(0, 8).map(([name, kind]) => (
          <button key={name} type="button" class="chip" onClick={() => add(name, kind as Row['kind'])}>{name}</button>
        ))}
      </div>
    </fieldset>
  );
}

export const queueArguments: [string, string][] = [
  ['x-message-ttl', 'number'], ['x-expires', 'number'], ['x-max-length', 'number'], ['x-max-length-bytes', 'number'], ['x-overflow', 'text'],
  ['x-dead-letter-exchange', 'text'], ['x-dead-letter-routing-key', 'text'], ['x-single-active-consumer', 'boolean'], ['x-delivery-limit', 'number'],
];

export const policyKeys: [string, string][] = [
  ['message-ttl', 'number'], ['expires', 'number'], ['max-length', 'number'], ['max-length-bytes', 'number'], ['overflow', 'text'],
  ['dead-letter-exchange', 'text'], ['dead-letter-routing-key', 'text'], ['delivery-limit', 'number'], ['alternate-exchange', 'text'],
];

/** Arguments as they are shown in a line. */
export const TableText = ({ of }: { of: Record<string, unknown> | undefined }) => (
  <>
    {Object.entries(of ?? {}).map(([name, value]) => (
      <span key={name} class="argument"><bdi>{name}</bdi> <code><bdi>{typeof value === 'string' ? value : JSON.stringify(value)}</bdi></code></span>
    ))}
  </>
);
