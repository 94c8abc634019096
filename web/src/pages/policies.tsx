import { useState } from 'preact/hooks';
import { enc, get, quote } from '../data/api';
import { t } from '../data/i18n';
import { go, route, setQuery } from '../data/router';
import { isAdministrator, isPolicymaker } from '../data/session';
import type { Policy } from '../data/types';
import { Badge, Card, Empty, Facts, Name, Note, PageHead, Tabs, Waiting } from '../ui/base';
import { Dialog } from '../ui/dialog';
import { Confirm, Form, table, text } from '../ui/form';
import { Icon } from '../ui/icons';
import { useVhosts } from '../ui/list';
import { DataTable, type Column } from '../ui/table';
import { policyKeys, rowsOf, TableText } from '../ui/arguments';
import { useAsked } from './asked';

type Kind = 'policies' | 'operator-policies';

const kindOf = (): Kind => (route.value.query.get('kind') === 'operator' ? 'operator-policies' : 'policies');
const commandOf = (kind: Kind, verb: 'set' | 'clear') => `${verb}_${kind === 'policies' ? '' : 'operator_'}policy`;

export function Policies() {
  const kind = kindOf();
  const [turn, setTurn] = useState(0);
  const [isNew, setNew] = useState(false);
  const policies = useAsked(() => get<Policy[]>(kind), [kind, turn]);
  const mayChange = kind === 'policies' ? isPolicymaker.value : isAdministrator.value;
  const rows = [...(policies.data ?? [])].sort((a, b) => a.vhost.localeCompare(b.vhost) || b.priority - a.priority || a.name.localeCompare(b.name));
  const columns: Column<Policy>[] = [
    { key: 'name', title: t('common.name'), cell: one => <PolicyLink kind={kind} policy={one} /> },
    { key: 'vhost', title: t('common.vhost'), minor: true, cell: one => <bdi>{one.vhost}</bdi> },
    { key: 'pattern', title: t('policy.pattern'), cell: one => <code><bdi>{one.pattern}</bdi></code> },
    { key: 'to', title: t('policy.applyTo'), minor: true, cell: one => one['apply-to'] },
    { key: 'definition', title: t('policy.definition'), minor: true, cell: one => <TableText of={one.definition} /> },
    { key: 'priority', title: t('policy.priority'), numeric: true, cell: one => one.priority },
  ];
  return (
    <>
      <PageHead title={t('nav.policies')} actions={mayChange ? <button type="button" class="primary" onClick={() => setNew(true)}><Icon name="plus" />{t('policy.new')}</button> : undefined} />
      <Tabs label={t('policy.kinds')} tabs={[['policies', t('policy.users')], ['operator-policies', t('policy.operators')]]} chosen={kind} choose={id => setQuery({ kind: id === 'policies' ? '' : 'operator' })} />
      <div role="tabpanel" aria-label={t('nav.policies')}>
        <p class="lead">{t(kind === 'policies' ? 'policy.text' : 'policy.operatorText')}</p>
        {policies.error && <Note tone="bad">{policies.error}</Note>}
        {policies.data === undefined && !policies.error && <Waiting />}
        {policies.data && (rows.length === 0 ? <Empty title={t('policy.none')}>{t('policy.noneText')}</Empty> : <DataTable label={t('nav.policies')} columns={columns} count={rows.length} rowAt={i => rows[i]} keyOf={one => `${one.vhost} ${one.name}`} />)}
      </div>
      {isNew && <Dialog wide title={t('policy.new')} close={() => setNew(false)}><PolicyForm kind={kind} cancel={() => setNew(false)} done={() => { setNew(false); setTurn(turn + 1); }} /></Dialog>}
    </>
  );
}

const PolicyLink = ({ kind, policy }: { kind: Kind; policy: Policy }) => (kind === 'policies'
  ? <Name path={['policies', policy.vhost, policy.name]}>{policy.name}</Name>
  : <a class="name" href={`#/policies/${enc(policy.vhost)}/${enc(policy.name)}?kind=operator`}><bdi>{policy.name}</bdi></a>);

function PolicyForm({ kind, policy, done, cancel }: { kind: Kind; policy?: Policy; done: () => void; cancel?: () => void }) {
  const vhosts = useVhosts();
  const nameOf = (values: Parameters<typeof text>[0]) => policy?.name ?? text(values, 'name');
  const vhostOf = (values: Parameters<typeof text>[0]) => policy?.vhost ?? (text(values, 'vhost') || vhosts[0] || '/');
  return (
    <Form
      submit={policy ? t('common.save') : t('common.create')} cancel={cancel} stays={policy !== undefined}
      fields={[
        ...(policy ? [] : [
          { name: 'name', label: t('common.name'), required: true },
          { name: 'vhost', label: t('common.vhost'), kind: 'choice' as const, options: vhosts.map(vhost => [vhost, vhost] as [string, string]) },
        ]),
        { name: 'pattern', label: t('policy.pattern'), required: true, value: policy?.pattern ?? '', hint: t('policy.patternHint') },
        { name: 'to', label: t('policy.applyTo'), kind: 'choice', value: policy?.['apply-to'] ?? (kind === 'policies' ? 'all' : 'queues'), options: (kind === 'policies' ? ['all', 'queues', 'exchanges', 'classic_queues', 'quorum_queues', 'streams'] : ['queues', 'classic_queues', 'quorum_queues', 'streams']).map(one => [one, one]) },
        { name: 'priority', label: t('policy.priority'), kind: 'number', value: String(policy?.priority ?? 0), hint: t('policy.priorityHint') },
        { name: 'definition', label: t('policy.definition'), kind: 'table', known: kind === 'policies' ? policyKeys : policyKeys.slice(0, 4), value: policy ? rowsOf(policy.definition) : [] },
      ]}
      request={values => ({
        method: 'PUT', path: `${kind}/${enc(vhostOf(values))}/${enc(nameOf(values))}`,
        body: { pattern: values.pattern, 'apply-to': values.to, priority: Number(values.priority), definition: table(values, 'definition') },
      })}
      command={values => `${commandOf(kind, 'set')} -p ${quote(vhostOf(values))} --apply-to ${text(values, 'to')} --priority ${text(values, 'priority')} ${quote(nameOf(values) || 'NAME')} ${quote(text(values, 'pattern'))} ${quote(JSON.stringify(table(values, 'definition')))}`}
      done={(_, values) => { done(); return t('policy.saved', { name: nameOf(values) }); }}
    />
  );
}

export function PolicyPage({ vhost, name }: { vhost: string; name: string }) {
  const kind = kindOf();
  const [turn, setTurn] = useState(0);
  const [isDeleting, setDeleting] = useState(false);
  const path = `${kind}/${enc(vhost)}/${enc(name)}`;
  const policy = useAsked(() => get<Policy>(path), [path, turn]);
  const mayChange = kind === 'policies' ? isPolicymaker.value : isAdministrator.value;
  if (policy.data === undefined) {
    return policy.error ? <Note tone="bad">{policy.error}</Note> : <Waiting />;
  }

  const one = policy.data;
  return (
    <>
      <PageHead
        kind={t(kind === 'policies' ? 'object.policy' : 'policy.operator')} title={name} badges={<Badge tone="accent">{one['apply-to']}</Badge>}
        actions={mayChange ? <button type="button" class="danger" onClick={() => setDeleting(true)}>{t('common.delete')}</button> : undefined}
      />
      <Card title={t('common.details')}>
        <Facts rows={[[t('common.vhost'), <bdi>{one.vhost}</bdi>], [t('policy.pattern'), <code><bdi>{one.pattern}</bdi></code>], [t('policy.priority'), one.priority], [t('policy.definition'), <TableText of={one.definition} />]]} />
      </Card>
      {mayChange && <Card title={t('policy.edit')}><PolicyForm key={turn} kind={kind} policy={one} done={() => setTurn(turn + 1)} /></Card>}
      {isDeleting && (
        <Confirm
          title={t('policy.delete')} text={t('policy.deleteOne', { name })} request={{ method: 'DELETE', path }} command={`${commandOf(kind, 'clear')} -p ${quote(vhost)} ${quote(name)}`}
          submit={t('common.delete')} close={() => setDeleting(false)} done={() => { go(['policies'], kind === 'policies' ? {} : { kind: 'operator' }); return t('policy.deleted', { name }); }}
        />
      )}
    </>
  );
}
