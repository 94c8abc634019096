/** Where each setting of a queue comes from: its arguments, its policy, or the operator's. */
import { useEffect, useState } from 'preact/hooks';
import { enc, get } from '../data/api';
import { value } from '../data/format';
import { t } from '../data/i18n';
import type { Policy, Queue, Table } from '../data/types';
import { Badge, Empty } from '../ui/base';

const isLimit = (name: string) => ['message-ttl', 'expires', 'max-length', 'max-length-bytes', 'max-in-memory-length', 'max-in-memory-bytes', 'delivery-limit'].includes(name);

export function Settings({ queue }: { queue: Queue }) {
  const policy = useDefinition('policies', queue.vhost, queue.policy);
  const operator = useDefinition('operator-policies', queue.vhost, queue.operator_policy);
  const own: Table = Object.fromEntries(Object.entries(queue.arguments).map(([name, of]) => [name.replace(/^x-/, ''), of]));
  const names = [...new Set([...Object.keys(own), ...Object.keys(policy), ...Object.keys(operator), ...Object.keys(queue.effective_policy_definition ?? {})])].sort();
  if (names.length === 0) {
    return <Empty title={t('settings.none')}>{t('settings.noneText')}</Empty>;
  }

  return (
    <div class="plain-table-box" tabIndex={0} role="region" aria-label={t('settings.title')}>
      <table class="plain-table">
        <thead><tr><th>{t('settings.name')}</th><th>{t('settings.effective')}</th><th>{t('settings.from')}</th><th>{t('settings.argument')}</th><th>{t('settings.policy')}</th><th>{t('settings.operator')}</th></tr></thead>
        <tbody>
          {names.map(name => {
            const { value: effective, from } = inEffect(name, own[name], policy[name] ?? (queue.policy && !queue.operator_policy ? queue.effective_policy_definition?.[name] : undefined), operator[name]);
            return (
              <tr key={name}>
                <th scope="row"><bdi>{name}</bdi></th>
                <td><b><bdi>{value(effective)}</bdi></b></td>
                <td><Badge tone={from === 'argument' ? 'plain' : 'accent'}>{from === 'argument' ? t('settings.argument') : from === 'policy' ? <bdi>{queue.policy}</bdi> : <bdi>{queue.operator_policy}</bdi>}</Badge></td>
                {[own, policy, operator].map((of, i) => <td key={i}>{name in of ? <bdi>{value(of[name])}</bdi> : '–'}</td>)}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

// The lesser where both limit; else the queue's own, then its policy's.
function inEffect(name: string, argument: unknown, policy: unknown, operator: unknown): { value: unknown; from: 'argument' | 'policy' | 'operator' } {
  const all = ([['argument', argument], ['policy', policy], ['operator', operator]] as const).filter(([, of]) => of !== undefined);
  const numbers = all.filter(([, of]) => typeof of === 'number');
  const [from, of] = isLimit(name) && numbers.length === all.length && all.length > 0
    ? numbers.reduce((least, one) => (Number(one[1]) < Number(least[1]) ? one : least))
    : operator !== undefined ? (['operator', operator] as const) : (all[0] ?? (['policy', undefined] as const));
  return { value: of, from };
}

function useDefinition(kind: string, vhost: string, name: string | null): Table {
  const [definition, setDefinition] = useState<Table>({});
  useEffect(() => {
    setDefinition({});
    if (name) {
      void get<Policy>(`${kind}/${enc(vhost)}/${enc(name)}`).then(policy => setDefinition(policy.definition), () => undefined);
    }
  }, [kind, vhost, name]);
  return definition;
}
