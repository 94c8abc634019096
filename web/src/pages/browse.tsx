import { useState } from 'preact/hooks';
import { send } from '../data/api';
import { bytes, clock, count } from '../data/format';
import { t } from '../data/i18n';
import { refresh } from '../data/live';
import type { Message, Table } from '../data/types';
import { Badge, Copy, Empty, Note } from '../ui/base';
import { AsCommand } from '../ui/form';
import { TableText } from '../ui/arguments';
import { queuePath } from './queues';

/** Looks at messages, or takes them. */
export function Browse({ vhost, name }: { vhost: string; name: string }) {
  const [most, setMost] = useState(10);
  const [mode, setMode] = useState('browse');
  const [messages, setMessages] = useState<Message[]>();
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const request = { method: 'POST' as const, path: `${queuePath(vhost, name)}/get`, body: { count: most, ackmode: mode, encoding: 'auto', truncate: 65_536 } };
  const ask = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      setMessages(await send<Message[]>(request));
      if (mode !== 'browse') {
        refresh();
      }
    } catch (failure) {
      setError((failure as Error).message);
    }

    setBusy(false);
  };
  return (
    <form class="form" onSubmit={event => void ask(event)} aria-busy={busy}>
      <div class="inline-fields">
        <div class="field"><label for="browse-mode">{t('browse.mode')}</label>
          <select id="browse-mode" value={mode} onChange={event => setMode(event.currentTarget.value)}>
            <option value="browse">{t('browse.look')}</option>
            <option value="ack_requeue_true">{t('browse.requeue')}</option>
            <option value="ack_requeue_false">{t('browse.take')}</option>
            <option value="reject_requeue_false">{t('browse.reject')}</option>
          </select>
        </div>
        <div class="field narrow"><label for="browse-count">{t('browse.count')}</label><input id="browse-count" type="number" min={1} max={1000} value={most} onInput={event => setMost(Number(event.currentTarget.value))} /></div>
        <button type="submit" class={mode === 'browse' || mode === 'ack_requeue_true' ? 'primary' : 'danger'} disabled={busy}>{t('browse.get')}</button>
      </div>
      <p class="muted">{t(mode === 'browse' ? 'browse.lookText' : mode === 'ack_requeue_true' ? 'browse.requeueText' : mode === 'ack_requeue_false' ? 'browse.takeText' : 'browse.rejectText')}</p>
      {error !== '' && <Note tone="bad">{error}</Note>}
      {messages && (messages.length === 0 ? <Empty title={t('browse.none')} /> : <ol class="messages">{messages.map((message, i) => <li key={i}><MessageView message={message} number={i + 1} /></li>)}</ol>)}
      <AsCommand request={request} command={null} />
    </form>
  );
}

export function MessageView({ message, number }: { message: Message; number: number }) {
  const { headers, ...properties } = message.properties;
  const isCut = message.payload_encoding === 'string' && message.payload_bytes > 65_536;
  return (
    <article class="message" aria-label={t('message.number', { number })}>
      <header>
        <b>#{number}</b>
        <span><bdi>{message.exchange === '' ? t('exchange.default') : message.exchange}</bdi> → <code><bdi>{message.routing_key}</bdi></code></span>
        {message.redelivered && <Badge tone="warn">{t('message.redelivered')}</Badge>}
        <span class="spring" />
        <span class="muted">{bytes(message.payload_bytes)}</span>
        <Copy text={message.payload} />
      </header>
      {Object.keys(properties).length > 0 && <div class="arguments"><TableText of={readable(properties)} /></div>}
      {headers && Object.keys(headers).length > 0 && <details class="disclosure"><summary>{t('message.headerCount', { count: count(Object.keys(headers).length) })}</summary><pre dir="ltr" tabIndex={0}>{JSON.stringify(headers, null, 2)}</pre></details>}
      <pre class="payload" dir="auto" tabIndex={0} aria-label={t('message.payload')}>{message.payload_encoding === 'string' ? pretty(message, isCut) : message.payload}</pre>
      {message.payload_encoding === 'base64' && <small class="muted">Base64</small>}
      {isCut && <small class="muted">{t('message.cut', { size: bytes(65_536) })}</small>}
    </article>
  );
}

const readable = (properties: Table): Table =>
  typeof properties.timestamp === 'number' ? { ...properties, timestamp: clock(properties.timestamp * 1000) } : properties;

function pretty(message: Message, isCut: boolean): string {
  if (isCut || !/^\s*[[{]/.test(message.payload)) {
    return message.payload;
  }

  try {
    return JSON.stringify(JSON.parse(message.payload), null, 2);
  } catch {
    return message.payload;
  }
}
