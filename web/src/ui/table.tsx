/**
 * Tables. Rows beyond what is seen are not made: ten thousand cost as much as fifty. It stays a table for who cannot see it, with the number of all rows.
 */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { count as number } from '../data/format';
import { t } from '../data/i18n';
import { Icon } from './icons';

export interface Column<T> {
  key: string;
  title: string;
  cell: (row: T) => ComponentChildren;
  /** What it is sorted by; undefined: it is not. */
  sort?: string;
  /** Numbers are at the right. */
  numeric?: boolean;
  /** Not shown unless it is chosen. */
  extra?: boolean;
  /** Not shown on a phone. */
  minor?: boolean;
}

export interface Sorting {
  by: string;
  descending: boolean;
  set: (by: string, descending: boolean) => void;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  count: number;
  /** Undefined: it is not told yet. */
  rowAt: (index: number) => T | undefined;
  keyOf: (row: T) => string;
  sorting?: Sorting;
  chosen?: { has: (key: string) => boolean; toggle: (row: T) => void; all: () => void; isAll: boolean };
  onRange?: (first: number, last: number) => void;
  /** As high as its rows, within the page. */
  inline?: boolean;
}

const rowHeight = 41;

export function DataTable<T>({ label, columns, count, rowAt, keyOf, sorting, chosen, onRange, inline }: Props<T>) {
  const element = useRef<HTMLDivElement>(null);
  const virtual = useVirtual(element, count);
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items[items.length - 1]?.index ?? 0;
  useEffect(() => onRange?.(first, last), [first, last]);
  const above = items[0]?.start ?? 0;
  const below = Math.max(0, virtual.getTotalSize() - (items[items.length - 1]?.end ?? 0));
  const span = columns.length + (chosen ? 1 : 0);
  return (
    <div class={inline ? 'table-box inline' : 'table-box'} ref={element} tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={count + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {chosen && <th class="pick"><input type="checkbox" aria-label={t('table.chooseAll')} checked={chosen.isAll} onChange={chosen.all} /></th>}
            {columns.map(column => <Head key={column.key} column={column} sorting={sorting} />)}
          </tr>
        </thead>
        <tbody>
          {above > 0 && <tr class="gap" aria-hidden="true"><td colSpan={span} style={{ height: `${above}px` }} /></tr>}
          {items.map(({ index }) => {
            const row = rowAt(index);
            const key = row === undefined ? `?${index}` : keyOf(row);
            return (
              <tr key={key} aria-rowindex={index + 2} class={chosen?.has(key) ? 'chosen' : undefined}>
                {chosen && <td class="pick">{row !== undefined && <input type="checkbox" aria-label={t('table.choose', { name: key })} checked={chosen.has(key)} onChange={() => chosen.toggle(row)} />}</td>}
                {columns.map(column => (
                  <td key={column.key} class={classOf(column)}>{row === undefined ? <span class="bar" /> : column.cell(row)}</td>
                ))}
              </tr>
            );
          })}
          {below > 0 && <tr class="gap" aria-hidden="true"><td colSpan={span} style={{ height: `${below}px` }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

const classOf = <T,>(column: Column<T>) => `${column.numeric ? 'num' : ''} ${column.minor ? 'minor' : ''}`.trim() || undefined;

// A head without a text is none.
function Head<T>({ column, sorting }: { column: Column<T>; sorting?: Sorting }) {
  const by = column.sort;
  if (column.title === '') {
    return <td class={classOf(column)} />;
  }

  if (by === undefined || sorting === undefined) {
    return <th class={classOf(column)} scope="col">{column.title}</th>;
  }

  const isBy = sorting.by === by;
  return (
    <th class={classOf(column)} scope="col" aria-sort={isBy ? (sorting.descending ? 'descending' : 'ascending') : 'none'}>
      <button type="button" class="sort" onClick={() => sorting.set(by, isBy ? !sorting.descending : column.numeric === true)}>
        {column.title}{isBy && <Icon name={sorting.descending ? 'down' : 'up'} />}
      </button>
    </th>
  );
}

function useVirtual(element: { current: HTMLDivElement | null }, count: number) {
  const [, render] = useReducer((n: number) => n + 1, 0);
  const options = {
    count,
    getScrollElement: () => element.current,
    estimateSize: () => rowHeight,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    overscan: 12,
    initialRect: { width: 1000, height: 800 },
    onChange: () => render(0),
  };
  const [virtual] = useState(() => new Virtualizer<HTMLDivElement, HTMLTableRowElement>(options));
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), []);
  useLayoutEffect(() => virtual._willUpdate());
  return virtual;
}

/** Which columns are shown: kept in this browser. */
export function useColumns<T>(name: string, all: Column<T>[]) {
  const [hidden, setHidden] = useState<string[]>(() => read(`columns.${name}`) ?? all.filter(column => column.extra).map(column => column.key));
  const toggle = (key: string) => {
    const next = hidden.includes(key) ? hidden.filter(one => one !== key) : [...hidden, key];
    localStorage.setItem(`columns.${name}`, JSON.stringify(next));
    setHidden(next);
  };
  return { shown: all.filter(column => !hidden.includes(column.key)), hidden, toggle };
}

function read(key: string): string[] | null {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') as string[] | null;
  } catch {
    return null;
  }
}

export function ColumnChooser<T>({ all, hidden, toggle }: { all: Column<T>[]; hidden: string[]; toggle: (key: string) => void }) {
  return (
    <details class="menu">
      <summary class="button ghost"><Icon name="columns" />{t('table.columns')}</summary>
      <div class="menu-body">
        {all.slice(1).map(column => (
          <label key={column.key} class="check"><input type="checkbox" checked={!hidden.includes(column.key)} onChange={() => toggle(column.key)} /><span>{column.title}</span></label>
        ))}
      </div>
    </details>
  );
}

export const RowCount = ({ shown, all }: { shown: number; all: number }) => (
  <span class="row-count" role="status">{shown === all ? t('table.count', { count: number(all) }) : t('table.countOf', { shown: number(shown), all: number(all) })}</span>
);
