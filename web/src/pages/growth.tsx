/** Why a queue grows, or does not. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { enc, get } from '../data/api';
import { count, duration, rate } from '../data/format';
import { rateOf } from '../data/history';
import { t } from '../data/i18n';
import { href } from '../data/router';
import type { Channel, Queue } from '../data/types';
import { Badge, Card, Facts } from '../ui/base';

const mostAsked = 20;
const askEvery = 5000;

/** Channels whose consumers wait until something is acknowledged. */
export function useFull(queue: Queue): Set<string> {
  const [full, setFull] = useState(new Set<string>());
  const names = [...new Set((queue.consumer_details ?? []).filter(one => one.ack_required && one.prefetch_count > 0).map(one => one.channel_details.name))].slice(0, mostAsked);
  const key = names.join('\n');
  useEffect(() => {
    if (names.length === 0) {
      setFull(new Set());
      return;
    }

    let isCurrent = true;
    const ask = async () => {
      const channels = await Promise.all(names.map(name => get<Channel>(`channels/${enc(name)}`).catch(() => undefined)));
      if (isCurrent) {
        setFull(new Set(channels.filter(one => one !== undefined && one.messages_unacknowledged >= one.prefetch_count * Math.max(1, one.consumer_count)).map(one => one!.name)));
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), askEvery);
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [key]);
  return full;
}

interface Finding {
  tone: 'good' | 'warn' | 'bad' | 'plain';
  title: string;
  text: ComponentChildren;
}

export function Growth({ queue }: { queue: Queue }) {
  const full = useFull(queue);
  const incoming = rateOf(queue.message_stats, 'publish');
  const outgoing = rateOf(queue.message_stats, 'deliver_get');
  const acked = rateOf(queue.message_stats, 'ack');
  const net = queue.messages_details?.rate ?? 0;
  const finding = judge(queue, full.size, incoming, outgoing, acked, net);
  const limit = Number(queue.arguments['x-max-length'] ?? queue.effective_policy_definition?.['max-length'] ?? NaN);
  const left = Number.isFinite(limit) && net > 0.1 ? (limit - queue.messages_ready) / net : NaN;
  const ages: [string, number | undefined][] = [[t('growth.oldest'), queue.oldest_ready_age], [t('growth.oldestHeld'), queue.oldest_unacknowledged_age]];
  return (
    <Card title={t('growth.title')} class={`growth ${finding.tone}`} actions={<Badge tone={finding.tone}>{finding.title}</Badge>}>
      <p class="growth-text">{finding.text}</p>
      <Facts rows={[
        [t('growth.in'), rate(incoming)],
        [t('growth.out'), rate(outgoing)],
        [t('growth.acked'), rate(acked)],
        [t('growth.net'), `${net > 0 ? '+' : ''}${rate(net)}`],
        [t('growth.drain'), queue.messages === 0 ? t('growth.isEmpty') : net < -0.05 ? duration(queue.messages / -net) : t('growth.never')],
        ...(left > 0 ? [[t('growth.limitIn'), duration(left)] as [string, string]] : []),
        ...ages.filter(([, age]) => age !== undefined).map(([name, age]) => [name, duration(age! / 1000)] as [string, string]),
        [t('growth.full'), `${count(full.size)} / ${count(queue.consumers)}`],
        [t('growth.settings'), <a href={href(['queues', queue.vhost, queue.name], { tab: 'settings' })}>{t('growth.settingsLink')}</a>],
      ]} />
    </Card>
  );
}

function judge(queue: Queue, full: number, incoming: number, outgoing: number, acked: number, net: number): Finding {
  if (queue.messages === 0 && incoming === 0) {
    return { tone: 'plain', title: t('growth.quiet'), text: t('growth.quietText') };
  }

  if (queue.consumers === 0 && queue.messages > 0) {
    return { tone: 'bad', title: t('growth.noConsumers'), text: t('growth.noConsumersText', { count: count(queue.messages_ready) }) };
  }

  if (queue.messages_ready > 0 && full > 0 && full >= queue.consumers) {
    return acked > 0.05
      ? { tone: 'warn', title: t('growth.busy'), text: t('growth.busyText', { in: rate(incoming), acks: rate(acked) }) }
      : { tone: 'bad', title: t('growth.stuck'), text: t('growth.stuckText') };
  }

  // What consumers take at once is not growth: it comes and goes within one sample.
  if (net > 0.5 && (queue.messages_ready > 0 || outgoing > acked * 1.2)) {
    return outgoing > acked * 1.2 && queue.messages_unacknowledged > 0
      ? { tone: 'warn', title: t('growth.slowAcks'), text: t('growth.slowAcksText', { out: rate(outgoing), acks: rate(acked) }) }
      : { tone: 'warn', title: t('growth.grows'), text: t('growth.growsText', { in: rate(incoming), out: rate(Math.max(acked, outgoing)) }) };
  }

  if (net < -0.5) {
    return { tone: 'good', title: t('growth.shrinks'), text: t('growth.shrinksText', { time: duration(queue.messages / -net) }) };
  }

  return queue.messages_ready > 0 && incoming === 0 && outgoing === 0
    ? { tone: 'warn', title: t('growth.still'), text: t('growth.stillText') }
    : { tone: 'good', title: t('growth.steady'), text: t('growth.steadyText') };
}
