import { enc, exchangeInPath } from '../data/api';
import { t } from '../data/i18n';
import { say } from '../ui/base';
import { Form, table, text, type Values } from '../ui/form';

/** Publishes a message, to an exchange or, where a queue is given, to that. */
export function PublishForm({ vhost, exchange, queue }: { vhost: string; exchange: string; queue?: string }) {
  return (
    <Form
      stays submit={t('publish.publish')}
      fields={[
        ...(queue === undefined ? [{ name: 'key', label: t('message.key') }] : []),
        { name: 'delivery', label: t('message.delivery'), kind: 'choice', options: [['2', t('message.persistent')], ['1', t('message.transient')]] },
        { name: 'type', label: t('message.contentType'), hint: 'application/json' },
        { name: 'payload', label: t('message.payload'), kind: 'area' },
        { name: 'encoding', label: t('message.encoding'), kind: 'choice', options: [['string', t('message.asText')], ['base64', 'Base64']] },
        { name: 'headers', label: t('message.headers'), kind: 'table' },
        { name: 'properties', label: t('message.properties'), kind: 'table', known: [['priority', 'number'], ['correlation_id', 'text'], ['reply_to', 'text'], ['expiration', 'text'], ['message_id', 'text'], ['type', 'text'], ['app_id', 'text']] },
      ]}
      request={values => ({ method: 'POST', path: `exchanges/${enc(vhost)}/${exchangeInPath(exchange)}/publish`, body: messageOf(values, queue) })}
      done={(answer: { routed: boolean }) => {
        say(t(answer.routed ? 'publish.done' : 'publish.nowhere'), answer.routed ? 'good' : 'warn');
      }}
    />
  );
}

function messageOf(values: Values, queue: string | undefined) {
  const headers = table(values, 'headers');
  return {
    properties: {
      delivery_mode: Number(values.delivery),
      ...(text(values, 'type') === '' ? {} : { content_type: text(values, 'type') }),
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      ...table(values, 'properties'),
    },
    routing_key: queue ?? text(values, 'key'),
    payload: text(values, 'payload'),
    payload_encoding: text(values, 'encoding'),
  };
}
