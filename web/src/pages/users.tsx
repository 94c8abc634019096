import { useState } from 'preact/hooks';
import { enc, get, quote } from '../data/api';
import { t } from '../data/i18n';
import { go } from '../data/router';
import type { Permission, TopicPermission, User } from '../data/types';
import { Badge, Card, Empty, Name, Note, PageHead, Waiting } from '../ui/base';
import { Dialog } from '../ui/dialog';
import { Confirm, Form, text } from '../ui/form';
import { Icon } from '../ui/icons';
import { useVhosts } from '../ui/list';
import { DataTable, type Column } from '../ui/table';
import { user as me } from '../data/session';
import { Limits } from './limits';
import { useAsked } from './asked';

const tags = ['administrator', 'monitoring', 'policymaker', 'management', 'impersonator'];

export function Users() {
  const [isNew, setNew] = useState(false);
  const users = useAsked(() => get<User[]>('users'), []);
  const permissions = useAsked(() => get<Permission[]>('permissions'), []);
  const vhostsOf = (name: string) => permissions.data?.filter(one => one.user === name).map(one => one.vhost) ?? [];
  const columns: Column<User>[] = [
    { key: 'name', title: t('common.name'), cell: one => <Name path={['users', one.name]}>{one.name}</Name> },
    { key: 'tags', title: t('user.tags'), cell: one => one.tags.map(tag => <Badge key={tag} tone={tag === 'administrator' ? 'accent' : 'plain'}><bdi>{tag}</bdi></Badge>) },
    { key: 'vhosts', title: t('user.vhosts'), minor: true, cell: one => (vhostsOf(one.name).length === 0 ? <Badge tone="warn">{t('user.noAccess')}</Badge> : vhostsOf(one.name).map(vhost => <Badge key={vhost}><bdi>{vhost}</bdi></Badge>)) },
    { key: 'password', title: t('login.password'), minor: true, cell: one => (one.password_hash === '' ? <Badge>{t('user.noPassword')}</Badge> : '•••') },
  ];
  return (
    <>
      <PageHead title={t('nav.users')} actions={<button type="button" class="primary" onClick={() => setNew(true)}><Icon name="plus" />{t('user.new')}</button>} />
      {users.error && <Note tone="bad">{users.error}</Note>}
      {users.data === undefined && !users.error && <Waiting />}
      {users.data && <DataTable label={t('nav.users')} columns={columns} count={users.data.length} rowAt={i => users.data![i]} keyOf={one => one.name} />}
      {isNew && (
        <Dialog title={t('user.new')} close={() => setNew(false)}>
          <UserForm done={name => { setNew(false); go(['users', name]); }} cancel={() => setNew(false)} />
        </Dialog>
      )}
    </>
  );
}

function UserForm({ user, done, cancel }: { user?: User; done: (name: string) => void; cancel?: () => void }) {
  const nameOf = (values: Parameters<typeof text>[0]) => user?.name ?? text(values, 'name');
  return (
    <Form
      submit={user ? t('common.save') : t('common.create')} cancel={cancel} stays={user !== undefined}
      fields={[
        ...(user ? [] : [{ name: 'name', label: t('common.name'), required: true }]),
        { name: 'password', label: t('login.password'), kind: 'password', required: user === undefined, hint: user ? t('user.passwordKept') : undefined },
        ...tags.map(tag => ({ name: tag, label: tag, kind: 'check' as const, value: user?.tags.includes(tag) ?? false, hint: tagHint(tag) })),
      ]}
      request={values => ({
        method: 'PUT', path: `users/${enc(nameOf(values))}`,
        body: {
          tags: [...tags.filter(tag => values[tag] === true), ...(user?.tags.filter(tag => !tags.includes(tag)) ?? [])].join(','),
          ...(text(values, 'password') === '' ? {} : { password: text(values, 'password') }),
        },
      })}
      command={values => (user ? `set_user_tags ${quote(user.name)} ${tags.filter(tag => values[tag] === true).join(' ')}`.trim() : `add_user ${quote(nameOf(values) || 'NAME')}`)}
      done={(_, values) => { done(nameOf(values)); return t('user.saved', { name: nameOf(values) }); }}
    />
  );
}

const tagHint = (tag: string) =>
  tag === 'administrator' ? t('tag.administrator') : tag === 'monitoring' ? t('tag.monitoring') : tag === 'policymaker' ? t('tag.policymaker') : tag === 'management' ? t('tag.management') : t('tag.impersonator');

export function UserPage({ name }: { name: string }) {
  const [turn, setTurn] = useState(0);
  const [isDeleting, setDeleting] = useState(false);
  const changed = () => setTurn(turn + 1);
  const user = useAsked(() => get<User>(`users/${enc(name)}`), [name, turn]);
  const permissions = useAsked(() => get<Permission[]>(`users/${enc(name)}/permissions`), [name, turn]);
  const topics = useAsked(() => get<TopicPermission[]>(`users/${enc(name)}/topic-permissions`), [name, turn]);
  if (user.data === undefined) {
    return user.error ? <Note tone="bad">{user.error}</Note> : <Waiting />;
  }

  return (
    <>
      <PageHead
        kind={t('palette.user')} title={name} badges={user.data.tags.map(tag => <Badge key={tag} tone="accent"><bdi>{tag}</bdi></Badge>)}
        actions={<button type="button" class="danger" onClick={() => setDeleting(true)}>{t('common.delete')}</button>}
      />
      {permissions.data?.length === 0 && <Note tone="warn">{t('user.noAccessText')}</Note>}
      <Card title={t('user.permissions')}><Permissions name={name} rows={permissions.data ?? []} changed={changed} /></Card>
      <Card title={t('user.topics')}><Topics name={name} rows={topics.data ?? []} changed={changed} /></Card>
      <div class="grid two">
        <Card title={t('user.edit')}><UserForm key={turn} user={user.data} done={changed} /></Card>
        <Card title={t('limits.title')}><Limits kind="user" name={name} limits={user.data.limits ?? {}} names={['max-connections', 'max-channels']} changed={changed} /></Card>
      </div>
      {isDeleting && (
        <Confirm
          title={t('user.delete')} text={t(me.value?.name === name ? 'user.deleteSelf' : 'user.deleteOne', { name })} request={{ method: 'DELETE', path: `users/${enc(name)}` }} command={`delete_user ${quote(name)}`}
          submit={t('common.delete')} close={() => setDeleting(false)} done={() => { go(['users']); return t('user.deleted', { name }); }}
        />
      )}
    </>
  );
}

/** The permissions of a user in its vhosts. */
function Permissions({ name, rows, changed }: { name: string; rows: Permission[]; changed: () => void }) {
  const vhosts = useVhosts();
  const [doomed, setDoomed] = useState<Permission>();
  const columns: Column<Permission>[] = [
    { key: 'vhost', title: t('common.vhost'), cell: one => <Name path={['vhosts', one.vhost]}>{one.vhost}</Name> },
    ...(['configure', 'write', 'read'] as const).map(right => ({ key: right, title: t(`right.${right}`), cell: (one: Permission) => (one[right] === '' ? <span class="muted">{t('right.nothing')}</span> : <code><bdi>{one[right]}</bdi></code>) })),
    { key: 'clear', title: '', numeric: true, cell: one => <button type="button" class="ghost small" aria-label={t('right.clearOf', { vhost: one.vhost })} onClick={() => setDoomed(one)}>{t('right.clear')}</button> },
  ];
  return (
    <>
      {rows.length === 0 ? <Empty title={t('user.noPermissions')} /> : <DataTable inline label={t('user.permissions')} columns={columns} count={rows.length} rowAt={i => rows[i]} keyOf={one => one.vhost} />}
      <details class="disclosure" open={rows.length === 0}>
        <summary>{t('right.set')}</summary>
        <Form
          stays submit={t('right.set')}
          fields={[
            { name: 'vhost', label: t('common.vhost'), kind: 'choice', options: vhosts.map(vhost => [vhost, vhost]) },
            { name: 'configure', label: t('right.configure'), value: '.*', hint: t('right.configureHint') },
            { name: 'write', label: t('right.write'), value: '.*', hint: t('right.writeHint') },
            { name: 'read', label: t('right.read'), value: '.*', hint: t('right.readHint') },
          ]}
          request={values => ({ method: 'PUT', path: `permissions/${enc(text(values, 'vhost'))}/${enc(name)}`, body: { configure: values.configure, write: values.write, read: values.read } })}
          command={values => `set_permissions -p ${quote(text(values, 'vhost'))} ${quote(name)} ${['configure', 'write', 'read'].map(right => quote(text(values, right) || "")).map(word => word || "''").join(' ')}`}
          done={() => { changed(); return t('right.done'); }}
        />
      </details>
      {doomed && (
        <Confirm
          title={t('right.clear')} text={t('right.clearText', { name, vhost: doomed.vhost })} request={{ method: 'DELETE', path: `permissions/${enc(doomed.vhost)}/${enc(name)}` }}
          command={`clear_permissions -p ${quote(doomed.vhost)} ${quote(name)}`} submit={t('right.clear')} close={() => setDoomed(undefined)} done={() => { changed(); return t('right.cleared'); }}
        />
      )}
    </>
  );
}

function Topics({ name, rows, changed }: { name: string; rows: TopicPermission[]; changed: () => void }) {
  const vhosts = useVhosts();
  const [doomed, setDoomed] = useState<TopicPermission>();
  const columns: Column<TopicPermission>[] = [
    { key: 'vhost', title: t('common.vhost'), cell: one => <bdi>{one.vhost}</bdi> },
    { key: 'exchange', title: t('palette.exchange'), cell: one => <bdi>{one.exchange || t('exchange.default')}</bdi> },
    { key: 'write', title: t('right.write'), cell: one => <code><bdi>{one.write}</bdi></code> },
    { key: 'read', title: t('right.read'), cell: one => <code><bdi>{one.read}</bdi></code> },
    { key: 'clear', title: '', numeric: true, cell: one => <button type="button" class="ghost small" aria-label={t('right.clearOf', { vhost: `${one.vhost} ${one.exchange}` })} onClick={() => setDoomed(one)}>{t('right.clear')}</button> },
  ];
  return (
    <>
      {rows.length === 0 ? <Empty title={t('user.noTopics')}>{t('user.noTopicsText')}</Empty> : <DataTable inline label={t('user.topics')} columns={columns} count={rows.length} rowAt={i => rows[i]} keyOf={one => `${one.vhost} ${one.exchange}`} />}
      <details class="disclosure">
        <summary>{t('right.setTopic')}</summary>
        <Form
          stays submit={t('right.setTopic')}
          fields={[
            { name: 'vhost', label: t('common.vhost'), kind: 'choice', options: vhosts.map(vhost => [vhost, vhost]) },
            { name: 'exchange', label: t('palette.exchange'), value: 'amq.topic', required: true },
            { name: 'write', label: t('right.write'), value: '.*' },
            { name: 'read', label: t('right.read'), value: '.*' },
          ]}
          request={values => ({ method: 'PUT', path: `topic-permissions/${enc(text(values, 'vhost'))}/${enc(name)}`, body: { exchange: values.exchange, write: values.write, read: values.read } })}
          command={values => `set_topic_permissions -p ${quote(text(values, 'vhost'))} ${quote(name)} ${['exchange', 'write', 'read'].map(part => quote(text(values, part)) || "''").join(' ')}`}
          done={() => { changed(); return t('right.done'); }}
        />
      </details>
      {doomed && (
        <Confirm
          title={t('right.clear')} text={t('right.clearText', { name, vhost: `${doomed.vhost} ${doomed.exchange}` })}
          request={{ method: 'DELETE', path: `topic-permissions/${enc(doomed.vhost)}/${enc(name)}/${enc(doomed.exchange || 'amq.default')}` }} command={`clear_topic_permissions -p ${quote(doomed.vhost)} ${quote(name)} ${quote(doomed.exchange)}`}
          submit={t('right.clear')} close={() => setDoomed(undefined)} done={() => { changed(); return t('right.cleared'); }}
        />
      )}
    </>
  );
}
