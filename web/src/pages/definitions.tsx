import { useState } from 'preact/hooks';
import { enc, get, send } from '../data/api';
import { count, value } from '../data/format';
import { t } from '../data/i18n';
import { refresh } from '../data/live';
import { Badge, Card, Note, PageHead, say } from '../ui/base';
import { AsCommand } from '../ui/form';
import { useVhosts } from '../ui/list';

type File = Record<string, unknown>;

/** What the broker says that an import would do. */
interface Preview {
  changes: (Named & { change: 'new' | 'changed' | 'conflict'; fields?: Record<string, { before?: unknown; after?: unknown }> })[];
  errors: (Named & { reason: string })[];
  same: number;
}

type Named = { kind: string } & Record<string, unknown>;

const mostShown = 200;

const order = ['error', 'conflict', 'changed', 'new'];

const text = (of: unknown) => (of === undefined || of === null ? '—' : value(of));

const nameOf = (one: Named) => {
  const parts = one.kind === 'binding' ? [one.vhost, `${one.source} → ${one.destination}`, one.routing_key]
    : one.kind === 'permission' || one.kind === 'topic_permission' ? [one.vhost, one.user, one.exchange]
    : [one.vhost, one.component, one.name];
  return parts.filter(part => part !== undefined && part !== null && part !== '').map(String).join(' ');
};

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
  const [preview, setPreview] = useState<Preview>();
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const choose = async (chosen: globalThis.File | undefined) => {
    setError('');
    setFile(undefined);
    setPreview(undefined);
    if (chosen) {
      try {
        const wanted = JSON.parse(await chosen.text()) as File;
        setPreview(await send<Preview>({ method: 'POST', path: `${path}?dry_run=true`, body: wanted }));
        setFile(wanted);
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
      setPreview(undefined);
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
      {preview && <Difference preview={preview} />}
      {file && <div class="form-foot"><button type="button" class="primary" disabled={busy} onClick={() => void run()}>{t('definitions.run')}</button></div>}
      <AsCommand request={{ method: 'POST', path, body: '@definitions.json' as never }} command={isWhole ? 'import_definitions definitions.json' : null} />
    </div>
  );
}

const tones = { new: 'good', changed: 'warn', conflict: 'bad', error: 'bad' } as const;

/** What an import would make and change, and what would be refused: as the broker says. */
function Difference({ preview }: { preview: Preview }) {
  const rows = [
    ...preview.errors.map(one => ({ one, change: 'error' as const, detail: one.reason })),
    ...preview.changes.map(one => ({ one, change: one.change, detail: Object.entries(one.fields ?? {}).map(([field, { before, after }]) => (after === undefined ? field : `${field}: ${text(before)} → ${text(after)}`)).join('; ') })),
  ].sort((left, right) => order.indexOf(left.change) - order.indexOf(right.change));
  return (
    <div class="difference" role="group" aria-labelledby="definitions-preview" tabIndex={0}>
      <h3 id="definitions-preview">{t('definitions.preview')}</h3>
      <p class="muted" role="status">{t('definitions.counts', { new: count(of('new')), changed: count(of('changed')), refused: count(of('conflict') + of('error')), same: count(preview.same) })}</p>
      {rows.length > 0 && (
        <table class="plain-table">
          <thead><tr><th>{t('definitions.change')}</th><th>{t('definitions.what')}</th><th>{t('common.name')}</th><th>{t('definitions.detail')}</th></tr></thead>
          <tbody>
            {rows.slice(0, mostShown).map(({ one, change, detail }, index) => (
              <tr key={index}>
                <td class="nowrap"><Badge tone={tones[change]}>{t(`definitions.${change}`)}</Badge></td>
                <td class="nowrap">{one.kind.replaceAll('_', ' ')}</td>
                <td><bdi>{nameOf(one)}</bdi></td>
                <td><bdi>{detail}</bdi></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length > mostShown && <p class="muted">{t('definitions.more', { count: count(rows.length - mostShown) })}</p>}
    </div>
  );

  function of(change: string): number {
    return rows.filter(row => row.change === change).length;
  }
}
