import { useState } from 'preact/hooks';
import { enc, get, quote } from '../data/api';
import { count } from '../data/format';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import { go, href } from '../data/router';
import { isAdministrator } from '../data/session';
import type { Permission, Vhost } from '../data/types';
import { Badge, Card, Empty, Facts, Loaded, Name, PageHead, Stat } from '../ui/base';
import { Dialog } from '../ui/dialog';
import { Confirm, Form, text } from '../ui/form';
import { Icon } from '../ui/icons';
import { DataTable, type Column } from '../ui/table';
import { useAsked } from './asked';
import { Limits } from './limits';

// As RabbitMQ says that there is none.
const typeOf = (vhost: Vhost | undefined) => (vhost?.default_queue_type === 'undefined' ? undefined : vhost?.default_queue_type);

const types: [string, string][] = [['', ''], ['classic', 'classic'], ['quorum', 'quorum'], ['stream', 'stream']];

export function Vhosts() {
  const live = useLive<Vhost[]>('vhosts');
  const [isNew, setNew] = useState(false);
  const columns: Column<Vhost>[] = [
    { key: 'name', title: t('common.name'), cell: one => <Name path={['vhosts', one.name]}>{one.name}</Name> },
    { key: 'description', title: t('vhost.description'), minor: true, cell: one => <bdi>{one.description}</bdi> },
    { key: 'tags', title: t('user.tags'), minor: true, cell: one => (one.tags ?? []).map(tag => <Badge key={tag}><bdi>{tag}</bdi></Badge>) },
    { key: 'type', title: t('vhost.type'), minor: true, cell: one => typeOf(one) ?? 'classic' },
    { key: 'ready', title: t('queue.ready'), numeric: true, cell: one => count(one.messages_ready) },
    { key: 'unacked', title: t('queue.unacked'), numeric: true, cell: one => count(one.messages_unacknowledged) },
  ];
  return (
    <>
      <PageHead title={t('nav.vhosts')} actions={isAdministrator.value ? <button type="button" class="primary" onClick={() => setNew(true)}><Icon name="plus" />{t('vhost.new')}</button> : undefined} />
      <Loaded live={live}>{all => <DataTable label={t('nav.vhosts')} columns={columns} count={all.length} rowAt={i => all[i]} keyOf={one => one.name} />}</Loaded>
      {isNew && <Dialog title={t('vhost.new')} close={() => setNew(false)}><VhostForm cancel={() => setNew(false)} done={name => { setNew(false); go(['vhosts', name]); }} /></Dialog>}
    </>
  );
}

function VhostForm({ vhost, done, cancel }: { vhost?: Vhost; done: (name: string) => void; cancel?: () => void }) {
  const nameOf = (values: Parameters<typeof text>[0]) => vhost?.name ?? text(values, 'name');
  return (
    <Form
      submit={vhost ? t('common.save') : t('common.create')} cancel={cancel} stays={vhost !== undefined}
      fields={[
        ...(vhost ? [] : [{ name: 'name', label: t('common.name'), required: true }]),
        { name: 'description', label: t('vhost.description'), value: vhost?.description ?? '' },
        { name: 'tags', label: t('user.tags'), value: (vhost?.tags ?? []).join(', '), hint: t('vhost.tagsHint') },
        { name: 'type', label: t('vhost.type'), kind: 'choice', options: types.map(([name, title]) => [name, title || t('queue.typeDefault')]), value: typeOf(vhost) ?? '' },
        { name: 'protected', label: t('vhost.protected'), kind: 'check', value: vhost?.protected_from_deletion ?? false, hint: t('vhost.protectedHint') },
      ]}
      request={values => ({
        method: 'PUT', path: `vhosts/${enc(nameOf(values))}`,
        body: { description: values.description, tags: text(values, 'tags').split(',').map(tag => tag.trim()).filter(tag => tag !== '').join(','), default_queue_type: values.type, protected_from_deletion: values.protected },
      })}
      command={values => (vhost ? null : `add_vhost ${quote(nameOf(values) || 'NAME')}${text(values, 'description') === '' ? '' : ` --description ${quote(text(values, 'description'))}`}`)}
      done={(_, values) => { done(nameOf(values)); return t('vhost.saved', { name: nameOf(values) }); }}
    />
  );
}

export function VhostPage({ name }: { name: string }) {
  const [turn, setTurn] = useState(0);
  const [isDeleting, setDeleting] = useState(false);
  const live = useLive<Vhost>(`vhosts/${enc(name)}`);
  const isOwn = isAdministrator.value;
  const permissions = useAsked(() => (isOwn ? get<Permission[]>(`vhosts/${enc(name)}/permissions`) : Promise.resolve([])), [name, turn]);
  const limits = useAsked(() => (isOwn ? get<{ value: Record<string, number> }[]>(`vhost-limits/${enc(name)}`) : Promise.resolve([])), [name, turn]);
  const changed = () => setTurn(turn + 1);
  const columns: Column<Permission>[] = [
    { key: 'user', title: t('common.user'), cell: one => <Name path={['users', one.user]}>{one.user}</Name> },
    ...(['configure', 'write', 'read'] as const).map(right => ({ key: right, title: t(`right.${right}`), cell: (one: Permission) => (one[right] === '' ? <span class="muted">{t('right.nothing')}</span> : <code><bdi>{one[right]}</bdi></code>) })),
  ];
  return (
    <Loaded live={live}>
      {vhost => (
        <>
          <PageHead
            kind={t('palette.vhost')} title={vhost.name} badges={(vhost.tags ?? []).map(tag => <Badge key={tag}><bdi>{tag}</bdi></Badge>)}
            actions={isOwn ? <button type="button" class="danger" onClick={() => setDeleting(true)}>{t('common.delete')}</button> : undefined}
          />
          {vhost.description && <p class="lead"><bdi>{vhost.description}</bdi></p>}
          <div class="stats">
            <Stat label={t('queue.ready')} value={count(vhost.messages_ready)} />
            <Stat label={t('queue.unacked')} value={count(vhost.messages_unacknowledged)} />
            <Stat label={t('vhost.type')} value={typeOf(vhost) ?? 'classic'} />
          </div>
          <Card title={t('vhost.objects')}>
            <Facts rows={(['queues', 'exchanges', 'connections', 'channels'] as const).map(section => [t(`nav.${section}`), <a href={href([section], { vhost: vhost.name })}>{t('vhost.show')}</a>])} />
          </Card>
          {isOwn && (
            <>
              <Card title={t('user.permissions')}>
                {permissions.data?.length === 0 ? <Empty title={t('vhost.nobody')} /> : permissions.data && <DataTable inline label={t('user.permissions')} columns={columns} count={permissions.data.length} rowAt={i => permissions.data![i]} keyOf={one => one.user} />}
              </Card>
              <div class="grid two">
                <Card title={t('vhost.edit')}><VhostForm vhost={vhost} done={changed} /></Card>
                <Card title={t('limits.title')}><Limits kind="vhost" name={name} limits={limits.data?.[0]?.value ?? {}} names={['max-connections', 'max-queues']} changed={changed} /></Card>
              </div>
            </>
          )}
          {isDeleting && (
            <Confirm
              title={t('vhost.delete')} text={t('vhost.deleteOne', { name })} request={{ method: 'DELETE', path: `vhosts/${enc(name)}` }} command={`delete_vhost ${quote(name)}`}
              submit={t('common.delete')} close={() => setDeleting(false)} done={() => { go(['vhosts']); return t('vhost.deleted', { name }); }}
            />
          )}
        </>
      )}
    </Loaded>
  );
}
