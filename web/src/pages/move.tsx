import { t } from '../data/i18n';
import { say } from '../ui/base';
import { Form, text } from '../ui/form';
import { queuePath } from './queues';

interface Moved {
  moved: number;
  refusal?: string;
}

export const tellMoved = ({ moved, refusal }: Moved) => say(refusal ? t('move.stopped', { count: moved, reason: refusal }) : t('move.done', { count: moved }), refusal ? 'warn' : 'good');

/** Moves messages to another queue of the vhost; each is there before it is gone from here. */
export const MoveForm = ({ vhost, name }: { vhost: string; name: string }) => (
  <Form
    stays submit={t('move.move')}
    fields={[
      { name: 'queue', label: t('move.to'), required: true },
      { name: 'count', label: t('move.count'), kind: 'number', value: '1000' },
    ]}
    request={values => ({ method: 'POST', path: `${queuePath(vhost, name)}/move`, body: { queue: text(values, 'queue'), count: Number(values.count) } })}
    done={(answer: Moved) => tellMoved(answer)}
  >
    <p class="muted">{t('move.text')}</p>
  </Form>
);
