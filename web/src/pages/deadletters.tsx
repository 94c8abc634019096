/** Queues that dead letters go to, and what is in them: why each message died, where, and the way back. */
import { useEffect, useState } from 'preact/hooks';
import { get, send } from '../data/api';
import { clock, count } from '../data/format';
import { t } from '../data/i18n';
import { route, setQuery } from '../data/router';
import type { Binding, Message, Policy, Queue, Table } from '../data/types';
import { Badge, Card, Empty, Name, Note, PageHead, Waiting } from '../ui/base';
import { Dialog } from '../ui/dialog';
import { Form } from '../ui/form';
import { MessageView } from './browse';
import { MoveForm, tellMoved } from './move';
import { queuePath } from './queues';

interface Inbox {
  vhost: string;
  name: string;
  messages: number;
  from: string[];
}

export function DeadLetters() {
  const [inboxes, setInboxes] = useState<Inbox[]>();
  const [error, setError] = useState('');
  const [turn, setTurn] = useState(0);
  const chosen = route.value.query.get('queue');
  useEffect(() => {
    void find().then(setInboxes, (failure: Error) => setError(failure.message));
  }, [turn]);
  const shown = inboxes?.find(one => `${one.vhost} ${one.name}` === chosen) ?? inboxes?.[0];
  return (
    <>
      <PageHead title={t('nav.deadLetters')} actions={<button type="button" onClick={() => setTurn(turn + 1)}>{t('common.refresh')}</button>} />
      <p class="lead">{t('dead.text')}</p>
      {error !== '' && <Note tone="bad">{error}</Note>}
      {inboxes === undefined && error === '' && <Waiting />}
      {inboxes?.length === 0 && <Empty title={t('dead.none')}>{t('dead.noneText')}</Empty>}
      {shown && (
        <div class="inbox">
          <ul class="inbox-list" aria-label={t('dead.queues')}>
            {inboxes!.map(one => (
              <li key={`${one.vhost} ${one.name}`}>
                <button type="button" aria-pressed={one === shown} onClick={() => setQuery({ queue: `${one.vhost} ${one.name}` })}>
                  <span class="inbox-name"><bdi>{one.name}</bdi></span><Badge tone={one.messages > 0 ? 'warn' : 'good'}>{count(one.messages)}</Badge>
                  <small><bdi>{one.vhost}</bdi> · {t('dead.from', { names: one.from.join(', ') })}</small>
                </button>
              </li>
            ))}
          </ul>
          <InboxView key={`${shown.vhost} ${shown.name} ${turn}`} inbox={shown} changed={() => setTurn(turn + 1)} />
        </div>
      )}
    </>
  );
}

interface Death {
  reason: string;
  queue: string;
  count: number;
  time?: number;
}

function InboxView({ inbox, changed }: { inbox: Inbox; changed: () => void }) {
  const [messages, setMessages] = useState<Message[]>();
  const [error, setError] = useState('');
  const [asking, setAsking] = useState<'redrive' | 'move'>();
  const [shown, setShown] = useState<Message>();
  useEffect(() => {
    void send<Message[]>({ method: 'POST', path: `${queuePath(inbox.vhost, inbox.name)}/get`, body: { count: 100, ackmode: 'browse', encoding: 'auto', truncate: 65_536 } })
      .then(setMessages, (failure: Error) => setError(failure.message));
  }, []);
  const reasons = new Map<string, number>();
  for (const message of messages ?? []) {
    const death = deathOf(message);
    const key = death ? `${death.reason} · ${death.queue}` : t('dead.unknown');
    reasons.set(key, (reasons.get(key) ?? 0) + 1);
  }

  return (
    <Card
      title={inbox.name}
      actions={<div class="actions">
        <Name path={['queues', inbox.vhost, inbox.name]}>{t('dead.open')}</Name>
        <button type="button" class="primary" disabled={!messages?.length} onClick={() => setAsking('redrive')}>{t('dead.redrive')}</button>
        <button type="button" disabled={!messages?.length} onClick={() => setAsking('move')}>{t('move.move')}</button>
      </div>}
    >
      {error !== '' && <Note tone="bad">{error}</Note>}
      {messages === undefined && error === '' && <Waiting />}
      {messages?.length === 0 && <Empty title={t('dead.empty')}>{t('dead.emptyText')}</Empty>}
      {messages && messages.length > 0 && (
        <>
          <div class="badges">{[...reasons].map(([reason, number]) => <Badge key={reason} tone="warn"><bdi>{reason}</bdi>: {count(number)}</Badge>)}</div>
          <div class="plain-table-box" tabIndex={0} role="region" aria-label={t('queue.tabMessages')}>
            <table class="plain-table">
              <thead><tr><th>#</th><th>{t('dead.reason')}</th><th>{t('dead.diedIn')}</th><th class="num">{t('dead.times')}</th><th>{t('dead.at')}</th><th>{t('message.key')}</th><th>{t('message.payload')}</th><td /></tr></thead>
              <tbody>
                {messages.map((message, i) => {
                  const death = deathOf(message);
                  return (
                    <tr key={i}>
                      <td class="num">{i + 1}</td>
                      <td>{death ? <Badge tone="warn">{reasonText(death.reason)}</Badge> : '–'}</td>
                      <td>{death ? <Name path={['queues', inbox.vhost, death.queue]}>{death.queue}</Name> : '–'}</td>
                      <td class="num">{death ? count(death.count) : '–'}</td>
                      <td class="nowrap">{death?.time ? clock(death.time * 1000) : '–'}</td>
                      <td><bdi>{message.routing_key}</bdi></td>
                      <td class="clip"><code><bdi>{message.payload.slice(0, 80)}</bdi></code></td>
                      <td><button type="button" class="ghost small" onClick={() => setShown(message)}>{t('dead.view')}</button></td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        </>
      )}
      {shown && <Dialog wide title={t('message.number', { number: messages!.indexOf(shown) + 1 })} close={() => setShown(undefined)}><MessageView message={shown} number={messages!.indexOf(shown) + 1} /></Dialog>}
      {asking === 'redrive' && (
        <Dialog title={t('dead.redrive')} close={() => setAsking(undefined)}>
          <Form
            fields={[{ name: 'count', label: t('move.count'), kind: 'number', value: String(Math.max(1, Math.min(10_000, inbox.messages))) }]} submit={t('dead.redrive')} cancel={() => setAsking(undefined)}
            request={values => ({ method: 'POST', path: `${queuePath(inbox.vhost, inbox.name)}/move`, body: { count: Number(values.count) } })}
            done={(answer: { moved: number; refusal?: string }) => { setAsking(undefined); tellMoved(answer); changed(); }}
          >
            <p>{t('dead.redriveText')}</p>
          </Form>
        </Dialog>
      )}
      {asking === 'move' && <Dialog title={t('move.title')} close={() => { setAsking(undefined); changed(); }}><MoveForm vhost={inbox.vhost} name={inbox.name} /></Dialog>}
    </Card>
  );
}

const reasonText = (reason: string) =>
  reason === 'rejected' ? t('dead.rejected') : reason === 'expired' ? t('dead.expired') : reason === 'maxlen' ? t('dead.maxlen') : reason === 'delivery_limit' ? t('dead.deliveryLimit') : reason;

function deathOf(message: Message): Death | undefined {
  const deaths = message.properties.headers?.['x-death'];
  return Array.isArray(deaths) ? (deaths[0] as Death | undefined) : undefined;
}

/** Where the dead letters of all queues go, by arguments and policies, through the bindings of their exchanges. */
async function find(): Promise<Inbox[]> {
  const fields = 'name,vhost,messages,arguments,effective_policy_definition,policy';
  const [queues, bindings] = await Promise.all([get<Queue[]>(`queues?columns=${fields}`), get<Binding[]>('bindings?columns=source,vhost,destination,destination_type,routing_key')]);
  const policies = await get<Policy[]>('policies').catch(() => []);
  const inboxes = new Map<string, Inbox>();
  const at = new Map(queues.map(queue => [`${queue.vhost} ${queue.name}`, queue]));
  for (const queue of queues) {
    const policy: Table = { ...policies.find(one => one.vhost === queue.vhost && one.name === queue.policy)?.definition, ...queue.effective_policy_definition };
    const exchange = (queue.arguments['x-dead-letter-exchange'] ?? policy['dead-letter-exchange']) as string | undefined;
    const key = (queue.arguments['x-dead-letter-routing-key'] ?? policy['dead-letter-routing-key']) as string | undefined;
    if (exchange === undefined) {
      continue;
    }

    for (const name of exchange === '' ? (key === undefined ? [] : [key]) : reached(bindings, queue.vhost, exchange)) {
      const target = at.get(`${queue.vhost} ${name}`);
      if (target !== undefined) {
        const inbox = inboxes.get(`${queue.vhost} ${name}`) ?? { vhost: queue.vhost, name, messages: target.messages, from: [] };
        inbox.from.push(queue.name);
        inboxes.set(`${queue.vhost} ${name}`, inbox);
      }
    }
  }

  return [...inboxes.values()].sort((a, b) => b.messages - a.messages || a.name.localeCompare(b.name));
}

function reached(bindings: Binding[], vhost: string, exchange: string, seen = new Set<string>()): Set<string> {
  const queues = new Set<string>();
  seen.add(exchange);
  for (const binding of bindings) {
    if (binding.vhost === vhost && binding.source === exchange) {
      if (binding.destination_type === 'queue') {
        queues.add(binding.destination);
      } else if (!seen.has(binding.destination)) {
        reached(bindings, vhost, binding.destination, seen).forEach(queue => queues.add(queue));
      }
    }
  }

  return queues;
}
