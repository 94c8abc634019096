import { useState } from 'preact/hooks';
import { enc, get, send } from '../data/api';
import { count } from '../data/format';
import { t } from '../data/i18n';
import { refresh } from '../data/live';
import { Card, Note, PageHead, say } from '../ui/base';
import { AsCommand } from '../ui/form';
import { useVhosts } from '../ui/list';

type File = Record<string, unknown>;

const parts = ['users', 'vhosts', 'permissions', 'topic_permissions', 'queues', 'exchanges', 'bindings', 'policies', 'parameters', 'global_parameters'] as const;

const nameOf = (part: string, one: Record<string, string>) =>
  part === 'bindings' ? `${one.vhost} ${one.source}→${one.destination} ${one.routing_key}`
  : part === 'permissions' || part === 'topic_permissions' ? `${one.vhost} ${one.user} ${one.exchange ?? ''}`
  : `${one.vhost ?? ''} ${one.component ?? ''} ${one.name}`;

export function Definitions() {
  const vhosts = useVhosts();
  const [vhost, setVhost] = useState('');
  const path = vhost === '' ? 'definitions' : `definitions/${enc(vhost)}`;
  const save = async () => {
    try {
      const file = await get<File>(path);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 2)], { type: 'application/json' }));
      link.download = `definitions-${new Date().toISOString().slice(0, 10)}.json`;
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      say((error as Error).message, 'bad');
    }
  };
  return (
    <>
      <PageHead title={t('nav.definitions')} />
      <p class="lead">{t('definitions.text')}</p>
      <div class="field narrow definitions-of">
        <label for="definitions-vhost">{t('definitions.of')}</label>
        <select id="definitions-vhost" value={vhost} onChange={event => setVhost(event.currentTarget.value)}>
          <option value="">{t('definitions.all')}</option>
          {vhosts.map(name => <option key={name} value={name}>{name}</option>)}
        </select>
      </div>
      <div class="grid two">
        <Card title={t('definitions.export')}>
          <div class="form">
            <p class="muted">{t('definitions.exportText')}</p>
            <div class="form-foot"><button type="button" class="primary" onClick={() => void save()}>{t('definitions.download')}</button></div>
            <AsCommand request={{ method: 'GET', path }} command={vhost === '' ? 'export_definitions definitions.json' : null} />
          </div>
        </Card>
        <Card title={t('definitions.import')}><Import path={path} isWhole={vhost === ''} /></Card>
      </div>
    </>
  );
}

function Import({ path, isWhole }: { path: string; isWhole: boolean }) {
  const [file, setFile] = useState<File>();
  const [present, setPresent] = useState<File>();
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const choose = async (chosen: globalThis.File | undefined) => {
    setError('');
    setFile(undefined);
    if (chosen) {
      try {
        setFile(JSON.parse(await chosen.text()) as File);
        setPresent(await get<File>(path));
      } catch (failure) {
        setError(failure instanceof SyntaxError ? t('definitions.notJson') : (failure as Error).message);
      }
    }
  };
  const run = async () => {
    setBusy(true);
    setError('');
    try {
      await send({ method: 'POST', path, body: file });
      say(t('definitions.done'));
      setFile(undefined);
      refresh();
    } catch (failure) {
      setError((failure as Error).message);
    }

    setBusy(false);
  };
  return (
    <div class="form">
      <p class="muted">{t('definitions.importText')}</p>
      <div class="field wide"><label for="definitions-file">{t('definitions.file')}</label><input id="definitions-file" type="file" accept="application/json,.json" onChange={event => void choose(event.currentTarget.files?.[0])} /></div>
      {error !== '' && <Note tone="bad">{error}</Note>}
      {file && present && <Difference file={file} present={present} />}
      {file && <div class="form-foot"><button type="button" class="primary" disabled={busy} onClick={() => void run()}>{t('definitions.run')}</button></div>}
      <AsCommand request={{ method: 'POST', path, body: '@definitions.json' as never }} command={isWhole ? 'import_definitions definitions.json' : null} />
    </div>
  );
}

/** What an import would make, and what is there already. */
function Difference({ file, present }: { file: File; present: File }) {
  const rows = parts.map(part => {
    const wanted = Array.isArray(file[part]) ? (file[part] as Record<string, string>[]) : [];
    const there = new Set((Array.isArray(present[part]) ? (present[part] as Record<string, string>[]) : []).map(one => nameOf(part, one)));
    return { part, all: wanted.length, made: wanted.filter(one => !there.has(nameOf(part, one))).map(one => nameOf(part, one).trim()) };
  }).filter(one => one.all > 0);
  return (
    <div class="difference">
      <h3>{t('definitions.preview')}</h3>
      <table class="plain-table">
        <thead><tr><th>{t('definitions.what')}</th><th class="num">{t('definitions.inFile')}</th><th class="num">{t('definitions.new')}</th><th>{t('common.name')}</th></tr></thead>
        <tbody>{rows.map(one => <tr key={one.part}><th scope="row">{one.part.replace('_', ' ')}</th><td class="num">{count(one.all)}</td><td class="num">{count(one.made.length)}</td><td><bdi>{one.made.slice(0, 4).join(', ')}{one.made.length > 4 ? ' …' : ''}</bdi></td></tr>)}</tbody>
      </table>
    </div>
  );
}
