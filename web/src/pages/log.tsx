/** The log of the node that answers, as it is written. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { count } from '../data/format';
import { t } from '../data/i18n';
import { useLive } from '../data/live';
import { route, setQuery } from '../data/router';
import { Empty, Loaded, PageHead } from '../ui/base';
import { AsCommand } from '../ui/form';
import { Icon } from '../ui/icons';

interface Line {
  number: number;
  time: string;
  level: string;
  category: string;
  event: number;
  text: string;
  line: string;
}

interface Log {
  node: string;
  location: string;
  lines: Line[];
}

const path = 'log?lines=500';

// By how much they matter.
const levels = ['debug', 'info', 'warning', 'error', 'critical'];

const tones: Record<string, string> = { warning: 'warn', error: 'bad', critical: 'bad' };

export function LogPage() {
  const query = route.value.query;
  const [filter, least] = [query.get('filter') ?? '', query.get('level') ?? ''];
  const [isHeld, setHeld] = useState(false);
  const live = useLive<Log>(path);
  const held = useRef(live);
  if (!isHeld || held.current.data === undefined) {
    held.current = live;
  }

  return (
    <>
      <PageHead title={t('nav.log')} />
      <p class="lead">{t('log.text')}</p>
      <Loaded live={held.current}>
        {log => {
          const words = filter.toLowerCase().split(/\s+/).filter(word => word !== '');
          const from = levels.indexOf(least);
          const lines = log.lines.filter(line => levels.indexOf(line.level) >= from && words.every(word => line.line.toLowerCase().includes(word)));
          return (
            <>
              <div class="toolbar">
                <label class="filter">
                  <Icon name="search" />
                  <span class="visually-hidden">{t('log.filter')}</span>
                  <input type="search" placeholder={t('log.filter')} value={filter} spellcheck={false} onInput={event => setQuery({ filter: event.currentTarget.value })} />
                </label>
                <select class="log-least" aria-label={t('log.level')} value={least} onChange={event => setQuery({ level: event.currentTarget.value })}>
                  <option value="">{t('log.anyLevel')}</option>
                  {levels.slice(1).map(level => <option key={level} value={level}>{t('log.from', { level })}</option>)}
                </select>
                <span class="spring" />
                <span class="muted">{t('log.counts', { shown: count(lines.length), all: count(log.lines.length), node: log.node })}</span>
                <button type="button" aria-pressed={isHeld} onClick={() => setHeld(!isHeld)}>{t(isHeld ? 'log.goOn' : 'log.hold')}</button>
              </div>
              {lines.length === 0 ? <Empty title={t('list.nothingFound')}>{t('list.nothingFoundText')}</Empty> : <Lines lines={lines} />}
              <AsCommand request={{ method: 'GET', path }} command="log_tail -N 500" />
            </>
          );
        }}
      </Loaded>
    </>
  );
}

/** Stays at the end as long as the reader is there. */
function Lines({ lines }: { lines: Line[] }) {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (box.current && isAtEnd.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [lines[lines.length - 1]?.number, lines.length]);
  return (
    <div
      ref={box} class="log" role="log" aria-label={t('nav.log')} aria-live="off" tabIndex={0}
      onScroll={event => {
        const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
        isAtEnd.current = scrollTop + clientHeight > scrollHeight - 40;
      }}
    >
      {lines.map(line => (
        <p key={line.number} class={tones[line.level] ?? ''}>
          <time dateTime={line.time}>{line.time.slice(11, 23)}</time> <span class="log-level">{line.level}</span> <span class="log-event" title={line.category}>{line.event}</span> <bdi>{line.text}</bdi>
        </p>
      ))}
    </div>
  );
}
