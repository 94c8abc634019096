/**
 * Forms, described by their fields: each shows the request that it makes as a command, for granaryctl where that has one, and for curl.
 */
import { useId, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { asCurl, send, type Request } from '../data/api';
import { t } from '../data/i18n';
import { refresh } from '../data/live';
import { user } from '../data/session';
import { Copy, Note, say } from './base';
import { Dialog } from './dialog';
import { TableField, toTable, type Row } from './arguments';

export type Values = Record<string, string | boolean | Row[]>;

export interface Field {
  name: string;
  label: string;
  kind?: 'text' | 'password' | 'number' | 'area' | 'check' | 'choice' | 'table' | 'file';
  options?: [string, string][];
  value?: string | boolean | Row[];
  hint?: ComponentChildren;
  required?: boolean;
  /** Suggested entries of a table of arguments. */
  known?: [string, string][];
  hidden?: (values: Values) => boolean;
}

interface Props {
  fields: Field[];
  request: (values: Values) => Request;
  /** Words of granaryctl; null where it has no such command. */
  command?: (values: Values) => string | null;
  submit: string;
  danger?: boolean;
  done: (answer: never, values: Values) => string | void;
  cancel?: () => void;
  /** Cleared when it is done, for the next. */
  stays?: boolean;
  children?: ComponentChildren;
}

export const text = (values: Values, name: string) => String(values[name] ?? '');
export const table = (values: Values, name: string) => toTable((values[name] as Row[] | undefined) ?? []);

export function Form({ fields, request, command, submit, danger, done, cancel, stays, children }: Props) {
  const first = () => Object.fromEntries(fields.map(field => [field.name, field.value ?? (field.kind === 'check' ? false : field.kind === 'table' ? [] : field.options?.[0]?.[0] ?? '')]));
  const [entered, setValues] = useState<Values>(first);
  const values = chosen(fields, entered);
  const isEarly = fields.some(field => field.kind === 'choice' && field.options!.length === 0);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const set = (name: string, value: string | boolean | Row[]) => setValues(before => ({ ...before, [name]: value }));
  const onSubmit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      const told = done((await send(request(values))) as never, values);
      if (told) {
        say(told);
      }

      refresh();
      if (stays) {
        setBusy(false);
      }
    } catch (failure) {
      setError((failure as Error).message);
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={event => void onSubmit(event)} aria-busy={busy}>
      {children}
      <div class="fields">
        {fields.filter(field => !field.hidden?.(values)).map(field => <Entry key={field.name} field={field} value={values[field.name]!} set={value => set(field.name, value)} />)}
      </div>
      {error !== '' && <Note tone="bad">{error}</Note>}
      <div class="form-foot">
        <button type="submit" class={danger ? 'danger' : 'primary'} disabled={busy || isEarly}>{submit}</button>
        {cancel && <button type="button" class="ghost" onClick={cancel}>{t('common.cancel')}</button>}
      </div>
      <AsCommand request={safely(() => request(values))} command={safely(() => command?.(values) ?? null)} />
    </form>
  );
}

// What there is to choose from may be told later than the form is shown.
function chosen(fields: Field[], entered: Values): Values {
  const late = fields.filter(field => field.kind === 'choice' && !field.options!.some(([name]) => name === entered[field.name]));
  return late.length === 0 ? entered : { ...entered, ...Object.fromEntries(late.map(field => [field.name, field.options![0]?.[0] ?? ''])) };
}

// A form that is half filled in may not make a request yet.
function safely<T>(make: () => T): T | null {
  try {
    return make();
  } catch {
    return null;
  }
}

function Entry({ field, value, set }: { field: Field; value: string | boolean | Row[]; set: (value: string | boolean | Row[]) => void }) {
  const id = useId();
  const hint = field.hint ? `${id}-hint` : undefined;
  const onInput = (event: Event) => set((event.currentTarget as HTMLInputElement).value);
  const shared = { id, name: field.name, required: field.required, 'aria-describedby': hint };
  if (field.kind === 'check') {
    return (
      <label class="check">
        <input type="checkbox" checked={value as boolean} onChange={event => set(event.currentTarget.checked)} />
        <span>{field.label}{field.hint && <small>{field.hint}</small>}</span>
      </label>
    );
  }

  if (field.kind === 'table') {
    return <TableField label={field.label} hint={field.hint} known={field.known ?? []} rows={value as Row[]} set={set} />;
  }

  const input =
    field.kind === 'area' ? <textarea {...shared} rows={4} value={value as string} onInput={onInput} spellcheck={false} />
    : field.kind === 'choice' ? <select {...shared} value={value as string} onChange={onInput}>{field.options!.map(([name, title]) => <option key={name} value={name}>{title}</option>)}</select>
    : field.kind === 'file' ? <input {...shared} type="file" accept="application/json,.json" onChange={event => void event.currentTarget.files?.[0]?.text().then(set)} />
    : <input {...shared} type={field.kind ?? 'text'} value={value as string} onInput={onInput} autocomplete={field.kind === 'password' ? 'new-password' : 'off'} spellcheck={false} />;
  return (
    <div class={field.kind === 'area' || field.kind === 'file' ? 'field wide' : 'field'}>
      <label for={id}>{field.label}</label>
      {input}
      {field.hint && <small id={hint}>{field.hint}</small>}
    </div>
  );
}

export function AsCommand({ request, command }: { request: Request | null; command: string | null }) {
  if (request === null) {
    return null;
  }

  const lines = [...(command === null ? [] : [`granaryctl ${command}`]), asCurl(request, user.value?.name ?? 'guest')];
  return (
    <details class="as-command">
      <summary>{t('common.asCommand')}</summary>
      {lines.map(line => (
        <div key={line} class="command"><code dir="ltr">{line}</code><Copy text={line} /></div>
      ))}
    </details>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, text: told, request, command, submit, close, done }: {
  title: string; text: ComponentChildren; request: Request; command?: string; submit: string; close: () => void; done: () => string | void;
}) {
  return (
    <Dialog title={title} close={close}>
      <Form fields={[]} request={() => request} command={() => command ?? null} submit={submit} danger cancel={close} done={() => { close(); return done(); }}>
        <p>{told}</p>
      </Form>
    </Dialog>
  );
}
