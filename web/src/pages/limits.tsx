import { enc, quote } from '../data/api';
import { t } from '../data/i18n';
import { Form, text } from '../ui/form';
import { Facts } from '../ui/base';
import { count } from '../data/format';

/** What a user or a vhost may have at the most. */
export function Limits({ kind, name, limits, names, changed }: { kind: 'user' | 'vhost'; name: string; limits: Record<string, number>; names: string[]; changed: () => void }) {
  return (
    <div class="form">
      <Facts rows={names.map(limit => [limit, limits[limit] === undefined || limits[limit]! < 0 ? t('limits.none') : count(limits[limit])])} />
      <Form
        stays submit={t('common.save')}
        fields={[
          { name: 'limit', label: t('limits.limit'), kind: 'choice', options: names.map(limit => [limit, limit]) },
          { name: 'value', label: t('form.value'), kind: 'number', hint: t('limits.hint') },
        ]}
        request={values => (text(values, 'value') === ''
          ? { method: 'DELETE', path: `${kind}-limits/${enc(name)}/${text(values, 'limit')}` }
          : { method: 'PUT', path: `${kind}-limits/${enc(name)}/${text(values, 'limit')}`, body: { value: Number(values.value) } })}
        command={values => {
          const definition = quote(JSON.stringify({ [text(values, 'limit')]: text(values, 'value') === '' ? -1 : Number(values.value) }));
          return kind === 'user' ? `set_user_limits ${quote(name)} ${definition}` : `set_vhost_limits -p ${quote(name)} ${definition}`;
        }}
        done={() => { changed(); return t('limits.done'); }}
      />
    </div>
  );
}
