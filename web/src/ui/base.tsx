/** Small pieces that all pages are made of. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import { href } from '../data/router';
import { t } from '../data/i18n';
import { Icon } from './icons';
import type { Live } from '../data/live';

type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'accent';

export const Badge = ({ tone = 'plain', title, children }: { tone?: Tone; title?: string; children: ComponentChildren }) => (
  <span class={`badge ${tone}`} title={title}>{children}</span>
);

export function Card({ title, actions, children, class: more = '' }: { title?: string; actions?: ComponentChildren; children: ComponentChildren; class?: string }) {
  return (
    <section class={`card ${more}`}>
      {title !== undefined && (
        <header class="card-head">
          <h2>{title}</h2>
          {actions}
        </header>
      )}
      {children}
    </section>
  );
}

export const PageHead = ({ title, kind, badges, actions }: { title: string; kind?: string; badges?: ComponentChildren; actions?: ComponentChildren }) => (
  <header class="page-head">
    <div class="page-title">
      {kind && <p class="kind">{kind}</p>}
      <h1><bdi>{title}</bdi></h1>
      {badges && <div class="badges">{badges}</div>}
    </div>
    {actions && <div class="actions">{actions}</div>}
  </header>
);

/** That there is nothing. Where that is the whole page, its title is the page's. */
export const Empty = ({ title, isPage = false, children }: { title: string; isPage?: boolean; children?: ComponentChildren }) => (
  <div class="empty">
    <Icon name="leaf" />
    {isPage ? <h1>{title}</h1> : <p class="empty-title">{title}</p>}
    {children && <div class="empty-text">{children}</div>}
  </div>
);

export const Note = ({ tone = 'plain', children }: { tone?: Tone; children: ComponentChildren }) => <div class={`note ${tone}`} role={tone === 'bad' ? 'alert' : undefined}>{children}</div>;

/** What is followed, once it was told; until then, or where it cannot be, a sentence. */
export function Loaded<T>({ live, children }: { live: Live<T>; children: (data: T) => ComponentChildren }) {
  if (live.data === undefined) {
    return live.error === undefined ? <Waiting /> : <Note tone="bad">{live.error}</Note>;
  }

  return (
    <>
      {live.error !== undefined && <Note tone="bad">{live.error}</Note>}
      {children(live.data)}
    </>
  );
}

export const Waiting = () => (
  <div class="waiting" role="status">
    <span class="visually-hidden">{t('common.loading')}</span>
    <span class="bar" /><span class="bar" /><span class="bar" />
  </div>
);

export const Facts = ({ rows }: { rows: [string, ComponentChildren][] }) => (
  <dl class="facts">
    {rows.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);

export const Stat = ({ label, value, unit, tone }: { label: string; value: ComponentChildren; unit?: string; tone?: Tone }) => (
  <div class={`stat ${tone ?? ''}`}>
    <span class="stat-label">{label}</span>
    <span class="stat-value">{value}{unit && <small> {unit}</small>}</span>
  </div>
);

/** How full something is. */
export function Gauge({ label, used, total, text, tone }: { label: string; used: number; total: number; text: string; tone?: Tone }) {
  const share = total > 0 ? Math.min(1, used / total) : 0;
  const by = tone ?? (share > 0.9 ? 'bad' : share > 0.75 ? 'warn' : 'good');
  return (
    <div class="gauge">
      <div class="gauge-head"><span>{label}</span><span class="num">{text}</span></div>
      <div class="gauge-track" role="meter" aria-label={label} aria-valuenow={Math.round(share * 100)} aria-valuemin={0} aria-valuemax={100} aria-valuetext={text}>
        <div class={`gauge-fill ${by}`} style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}

/** A name that may be anything: isolated, so that it cannot turn the text around it. */
export const Name = ({ path, children }: { path: string[]; children: string }) => (
  <a class="name" href={href(path)}><bdi>{children === '' ? t('exchange.default') : children}</bdi></a>
);

export function Tabs({ label, tabs, chosen, choose }: { label: string; tabs: [string, string][]; chosen: string; choose: (id: string) => void }) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step !== 0) {
      const at = tabs.findIndex(([id]) => id === chosen);
      const [next] = tabs[(at + step + tabs.length) % tabs.length]!;
      choose(next);
      (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
    }
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(([id, title]) => (
        <button key={id} type="button" role="tab" data-tab={id} aria-selected={id === chosen} tabIndex={id === chosen ? 0 : -1} onClick={() => choose(id)}>{title}</button>
      ))}
    </div>
  );
}

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(text).then(() => setDone(true), () => setDone(false));
    setTimeout(() => setDone(false), 1500);
  };
  return <button type="button" class="ghost small" onClick={() => void copy()}>{done ? t('common.copied') : t('common.copy')}</button>;
}

interface Toast {
  id: number;
  tone: Tone;
  text: string;
}

export const toasts = signal<Toast[]>([]);
let lastToast = 0;

/** Says for a moment what became of something. */
export function say(text: string, tone: Tone = 'good') {
  const id = ++lastToast;
  toasts.value = [...toasts.value, { id, tone, text }];
  setTimeout(() => {
    toasts.value = toasts.value.filter(toast => toast.id !== id);
  }, tone === 'bad' ? 9000 : 4000);
}

export const Toasts = () => (
  <div class="toasts" role="status" aria-live="polite">
    {toasts.value.map(toast => <div key={toast.id} class={`toast ${toast.tone}`}>{toast.text}</div>)}
  </div>
);
