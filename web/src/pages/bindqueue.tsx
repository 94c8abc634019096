import { enc, exchangeInPath } from '../data/api';
import { t } from '../data/i18n';
import { Form, table, text } from '../ui/form';

export const BindQueue = ({ vhost, name }: { vhost: string; name: string }) => (
  <Form
    stays submit={t('binding.bind')}
    fields={[
      { name: 'exchange', label: t('palette.exchange'), required: true },
      { name: 'key', label: t('message.key') },
      { name: 'arguments', label: t('object.arguments'), kind: 'table', known: [['x-match', 'text']] },
    ]}
    request={values => ({
      method: 'POST', path: `bindings/${enc(vhost)}/e/${exchangeInPath(text(values, 'exchange'))}/q/${enc(name)}`, body: { routing_key: text(values, 'key'), arguments: table(values, 'arguments') },
    })}
    done={() => t('binding.made')}
  />
);
