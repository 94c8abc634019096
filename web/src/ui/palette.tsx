/** Ctrl-K: to any object by its name, and to any page. */
import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { enc, get } from '../data/api';
import { t } from '../data/i18n';
import { href } from '../data/router';
import { isAdministrator } from '../data/session';
import type { Page } from '../data/types';
import { Icon, type IconName } from './icons';
import { pages } from './nav';

export const paletteIsOpen = signal(false);

interface Found {
  icon: IconName;
  kind: string;
  name: string;
  detail: string;
  to: string;
}

addEventListener('keydown', event => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    paletteIsOpen.value = !paletteIsOpen.value;
  }
});

export function Palette() {
  const [text, setText] = useState('');
  const [objects, setObjects] = useState<Found[]>([]);
  const [at, setAt] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = paletteIsOpen.value;
  // Before the browser sees to the next key: what is typed right after Ctrl-K is for the palette.
  useLayoutEffect(() => {
    if (isOpen) {
      dialog.current!.showModal();
      setText('');
      setObjects([]);
      setAt(0);
    } else {
      dialog.current?.close();
    }
  }, [isOpen]);
  useEffect(() => {
    if (!isOpen || text.trim() === '') {
      setObjects([]);
      return;
    }

    let isCurrent = true;
    const waiting = setTimeout(() => void search(text.trim()).then(found => {
      if (isCurrent) {
        setObjects(found);
        setAt(0);
      }
    }), 120);
    return () => {
      isCurrent = false;
      clearTimeout(waiting);
    };
  }, [text, isOpen]);
  const low = text.trim().toLowerCase();
  const places = pages.value.map(page => ({ icon: page.icon, kind: t('palette.page'), name: t(page.title), detail: '', to: href(page.path) }));
  const found = [...objects, ...places.filter(place => place.name.toLowerCase().includes(low))];
  const close = () => {
    paletteIsOpen.value = false;
  };
  const follow = (one: Found | undefined) => {
    if (one) {
      location.hash = one.to;
      close();
    }
  };
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && found.length > 0) {
      event.preventDefault();
      const next = (at + step + found.length) % found.length;
      setAt(next);
      dialog.current?.querySelector(`#found-${next}`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      follow(found[at]);
    }
  };
  return (
    <dialog ref={dialog} class="palette" aria-label={t('palette.title')} onCancel={event => { event.preventDefault(); close(); }} onMouseDown={event => { if (event.target === dialog.current) { close(); } }}>
      {isOpen && (
        <div class="palette-body">
          <div class="palette-input">
            <Icon name="search" />
            <input
              autofocus role="combobox" aria-expanded="true" aria-controls="found" aria-activedescendant={found.length > 0 ? `found-${at}` : undefined}
              aria-label={t('palette.title')} placeholder={t('palette.placeholder')} value={text} onInput={event => setText(event.currentTarget.value)} onKeyDown={onKey} spellcheck={false}
            />
          </div>
          <ul id="found" role="listbox" aria-label={t('palette.found')}>
            {found.map((one, i) => (
              <li key={`${one.to}${one.kind}`} id={`found-${i}`} role="option" aria-selected={i === at} onMouseEnter={() => setAt(i)} onClick={() => follow(one)}>
                <Icon name={one.icon} /><bdi class="palette-name">{one.name}</bdi><span class="muted">{one.detail}</span><span class="palette-kind">{one.kind}</span>
              </li>
            ))}
          </ul>
          {found.length === 0 && <p class="muted palette-none">{t('palette.nothing')}</p>}
        </div>
      )}
    </dialog>
  );
}

async function search(text: string): Promise<Found[]> {
  const asked = (path: string, columns: string) =>
    get<Page<Record<string, string>>>(`${path}?page=1&page_size=8&name=${enc(text)}&columns=${columns}`).then(page => page.items, () => []);
  const [queues, exchanges, connections, vhosts, users] = await Promise.all([
    asked('queues', 'name,vhost'), asked('exchanges', 'name,vhost'), asked('connections', 'name,user_provided_name,user'), asked('vhosts', 'name'),
    isAdministrator.value ? asked('users', 'name') : Promise.resolve([]),
  ]);
  return [
    ...queues.map(one => ({ icon: 'queue' as const, kind: t('palette.queue'), name: one.name!, detail: one.vhost!, to: href(['queues', one.vhost!, one.name!]) })),
    ...exchanges.map(one => ({ icon: 'exchange' as const, kind: t('palette.exchange'), name: one.name || t('exchange.default'), detail: one.vhost!, to: href(['exchanges', one.vhost!, one.name!]) })),
    ...connections.map(one => ({ icon: 'connection' as const, kind: t('palette.connection'), name: one.user_provided_name ?? one.name!, detail: one.user!, to: href(['connections', one.name!]) })),
    ...vhosts.map(one => ({ icon: 'vhost' as const, kind: t('palette.vhost'), name: one.name!, detail: '', to: href(['vhosts', one.name!]) })),
    ...users.map(one => ({ icon: 'user' as const, kind: t('palette.user'), name: one.name!, detail: '', to: href(['users', one.name!]) })),
  ];
}
