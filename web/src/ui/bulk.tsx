/** The same done to many, after a look at what they are. */
import { useState } from 'preact/hooks';
import { send, type Request } from '../data/api';
import { t } from '../data/i18n';
import { refresh } from '../data/live';
import { Note, say } from './base';
import { Dialog } from './dialog';

export interface Step {
  name: string;
  detail: string;
  request: Request;
}

const atOnce = 4;

export function Bulk({ title, text, steps, submit, close }: { title: string; text: string; steps: Step[]; submit: string; close: (isDone: boolean) => void }) {
  const [done, setDone] = useState(0);
  const [failed, setFailed] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    const left = [...steps];
    const failures: string[] = [];
    const work = async () => {
      for (let step = left.shift(); step !== undefined; step = left.shift()) {
        try {
          await send(step.request);
        } catch (error) {
          failures.push(`${step.name}: ${(error as Error).message}`);
        }

        setDone(before => before + 1);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    refresh();
    setFailed(failures);
    setBusy(false);
    if (failures.length === 0) {
      say(t('bulk.done', { count: steps.length }));
      close(true);
    }
  };
  return (
    <Dialog title={title} close={() => close(false)} wide>
      <p>{text}</p>
      <div class="preview" tabIndex={0} role="region" aria-label={t('bulk.preview')}>
        <table>
          <tbody>{steps.map(step => <tr key={step.name}><th scope="row"><bdi>{step.name}</bdi></th><td>{step.detail}</td></tr>)}</tbody>
        </table>
      </div>
      {busy && <progress value={done} max={steps.length} aria-label={title} />}
      {failed.length > 0 && <Note tone="bad">{t('bulk.failed', { count: failed.length })}<ul>{failed.slice(0, 10).map(one => <li key={one}>{one}</li>)}</ul></Note>}
      <div class="form-foot">
        <button type="button" class="danger" disabled={busy} onClick={() => void run()} data-first>{submit}</button>
        <button type="button" class="ghost" onClick={() => close(false)}>{t('common.cancel')}</button>
      </div>
    </Dialog>
  );
}
