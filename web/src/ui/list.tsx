/** A page with a list that the broker filters, sorts and cuts: what is told is what is seen, however much there is. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { enc } from '../data/api';
import { t, type Key } from '../data/i18n';
import { peek, useLive } from '../data/live';
import { route, setQuery } from '../data/router';
import type { Page, Vhost } from '../data/types';
import { Empty, Note, PageHead, Waiting } from './base';
import { ColumnChooser, DataTable, RowCount, useColumns, type Column, type Sorting } from './table';
import { Icon } from './icons';

interface Props<T> {
  name: string;
  title: Key;
  /** Behind /api/, without a vhost. */
  path: string;
  columns: Column<T>[];
  keyOf: (row: T) => string;
  /** Fields of the API that the columns need. */
  fields: string;
  sort?: string;
  /** The path of a vhost's part; false: it has none. */
  vhosts?: (vhost: string) => string;
  actions?: ComponentChildren;
  empty: { title: Key; text?: ComponentChildren };
  bulk?: (rows: T[], clear: () => void) => ComponentChildren;
}

const size = 500;

export function ListPage<T>({ name, title, path, columns, keyOf, fields, sort, vhosts, actions, empty, bulk }: Props<T>) {
  const query = route.value.query;
  const [filter, vhost] = [query.get('filter') ?? '', query.get('vhost') ?? ''];
  const by = query.get('sort') ?? sort ?? '';
  const descending = query.get('desc') === '1';
  const [range, setRange] = useState({ first: 0, last: 0 });
  const [chosen, setChosen] = useState(new Map<string, T>());
  const { shown, hidden, toggle } = useColumns(name, columns);
  const base = vhost !== '' && vhosts ? vhosts(vhost) : path;
  const pathOf = (page: number) => {
    const asked = new URLSearchParams({ page: String(page), page_size: String(size), pagination: 'true', use_regex: 'false', name: filter, columns: fields });
    if (by !== '') {
      asked.set('sort', by);
      asked.set('sort_reverse', String(descending));
    }

    return `${base}?${asked}`;
  };
  const pages = [Math.floor(range.first / size) + 1, Math.floor(range.last / size) + 1] as const;
  const one = useLive<Page<T>>(pathOf(pages[0]));
  const other = useLive<Page<T>>(pages[1] !== pages[0] ? pathOf(pages[1]) : null);
  const last = useRef<Page<T>>();
  const told = one.data ?? other.data;
  last.current = told ?? last.current;
  useEffect(() => {
    setRange({ first: 0, last: 0 });
    setChosen(new Map());
  }, [base, filter, by, descending]);

  // Rows have gone, and with them the page that was looked at.
  useEffect(() => {
    if (one.error !== undefined && pages[0] > 1) {
      setRange({ first: 0, last: 0 });
    }
  }, [one.error]);

  const rowAt = (index: number): T | undefined => {
    const page = Math.floor(index / size) + 1;
    const held = page === pages[0] ? one.data : page === pages[1] ? other.data : peek<Page<T>>(pathOf(page))?.data;
    return held?.items[index % size];
  };
  const sorting: Sorting = { by, descending, set: (next, isDown) => setQuery({ sort: next, desc: isDown ? '1' : '' }) };
  const count = last.current?.filtered_count ?? 0;
  const rows = [...chosen.values()];
  const firstRows = one.data?.items ?? [];
  const isAll = firstRows.length > 0 && firstRows.every(row => chosen.has(keyOf(row)));
  return (
    <>
      <PageHead title={t(title)} actions={actions} />
      <div class="toolbar">
        <FilterBox value={filter} />
        {vhosts && <VhostChoice value={vhost} />}
        <span class="spring" />
        {told && <RowCount shown={told.filtered_count} all={told.total_count} />}
        <ColumnChooser all={columns} hidden={hidden} toggle={toggle} />
      </div>
      {one.error !== undefined && <Note tone="bad">{one.error}</Note>}
      {told === undefined && one.error === undefined && last.current === undefined ? <Waiting />
        : count === 0 ? (filter !== '' || vhost !== '' ? <Empty title={t('list.nothingFound')}>{t('list.nothingFoundText')}</Empty> : <Empty title={t(empty.title)}>{empty.text}</Empty>)
        : (
          <DataTable
            key={`${base} ${filter} ${by} ${descending}`} label={t(title)} columns={shown} count={count} rowAt={rowAt} keyOf={keyOf} sorting={sorting}
            onRange={(first, end) => setRange({ first, last: end })}
            chosen={bulk ? {
              has: key => chosen.has(key),
              toggle: row => setChosen(before => {
                const next = new Map(before);
                if (!next.delete(keyOf(row))) {
                  next.set(keyOf(row), row);
                }

                return next;
              }),
              all: () => setChosen(isAll ? new Map() : new Map(firstRows.map(row => [keyOf(row), row]))),
              isAll,
            } : undefined}
          />
        )}
      {bulk && rows.length > 0 && (
        <div class="bulk" role="region" aria-label={t('bulk.label')}>
          <b>{t('bulk.chosen', { count: rows.length })}</b>
          {bulk(rows, () => setChosen(new Map()))}
          <button type="button" class="ghost" onClick={() => setChosen(new Map())}>{t('bulk.clear')}</button>
        </div>
      )}
    </>
  );
}

function FilterBox({ value }: { value: string }) {
  const [text, setText] = useState(value);
  const waiting = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => setText(value), [value]);
  return (
    <label class="filter">
      <Icon name="search" />
      <span class="visually-hidden">{t('list.filter')}</span>
      <input
        type="search" value={text} placeholder={t('list.filter')} spellcheck={false}
        onInput={event => {
          const next = event.currentTarget.value;
          setText(next);
          clearTimeout(waiting.current);
          waiting.current = setTimeout(() => setQuery({ filter: next }), 200);
        }}
      />
    </label>
  );
}

export function VhostChoice({ value }: { value: string }) {
  const names = useVhosts();
  if (names.length < 2 && value === '') {
    return null;
  }

  return (
    <label class="vhost-choice">
      <span class="visually-hidden">{t('common.vhost')}</span>
      <select value={value} onChange={event => setQuery({ vhost: event.currentTarget.value })}>
        <option value="">{t('list.allVhosts')}</option>
        {names.map(name => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  );
}

/** The names of all vhosts that the user sees. */
export function useVhosts(): string[] {
  const live = useLive<Vhost[]>('vhosts?columns=name');
  return (live.data ?? []).map(vhost => vhost.name);
}

export const ofVhost = (path: string) => (vhost: string) => `${path}/${enc(vhost)}`;
