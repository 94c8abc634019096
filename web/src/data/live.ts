/**
 * What the page shows, kept current by one stream of server-sent events for each window: browsers allow a host few connections, so windows that are not looked at
 * have none.
 */
import { signal, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { get, sentence, tellSignedOut, ApiError } from './api';

export interface Live<T> {
  data?: T;
  /** A sentence; what is shown is then as it was before. */
  error?: string;
  /** When it was told, in milliseconds; 0: it was not yet. */
  at: number;
}

interface Entry {
  path: string;
  holders: number;
  state: Signal<Live<unknown>>;
}

const every = 2;
const mostKept = 60;
const settle = 40;
const hiddenAfter = 20_000;

const entries = new Map<string, Entry>();
const nothing = signal<Live<unknown>>({ at: 0 });
let source: EventSource | undefined;
let followed: Entry[] = [];
let opening: ReturnType<typeof setTimeout> | undefined;
let retryAfter = 1000;

/** Whether the broker answers. */
export const connected = signal(true);

/** Follows a path of the API for as long as the component is there; null: nothing. */
export function useLive<T>(path: string | null): Live<T> {
  useEffect(() => (path === null ? undefined : hold(path)), [path]);
  return (path === null ? nothing : entryOf(path).state).value as Live<T>;
}

/** What was told last, if anything was. */
export const peek = <T>(path: string) => entries.get(path)?.state.value as Live<T> | undefined;

/** Asks for everything that is shown at once, as something was changed. */
export const refresh = () => open(0);

export function closeAll() {
  source?.close();
  source = undefined;
  entries.clear();
  followed = [];
}

function entryOf(path: string): Entry {
  let entry = entries.get(path);
  if (entry === undefined) {
    entry = { path, holders: 0, state: signal<Live<unknown>>({ at: 0 }) };
    entries.set(path, entry);
  }

  return entry;
}

function hold(path: string) {
  const entry = entryOf(path);
  if (entry.holders++ === 0) {
    open();
  }

  return () => {
    if (--entry.holders === 0) {
      forgetSome();
      open();
    }
  };
}

function forgetSome() {
  for (const [path, entry] of entries) {
    if (entries.size <= mostKept) {
      return;
    }

    if (entry.holders === 0) {
      entries.delete(path);
    }
  }
}

function open(wait = settle) {
  clearTimeout(opening);
  opening = setTimeout(connect, wait);
}

function connect() {
  source?.close();
  source = undefined;
  followed = [...entries.values()].filter(entry => entry.holders > 0);
  if (followed.length === 0) {
    return;
  }

  const query = new URLSearchParams([...followed.map(entry => ['of', entry.path]), ['every', String(every)]]);
  const stream = new EventSource(`/api/events?${query}`);
  const told = followed;
  source = stream;
  stream.addEventListener('data', event => take(told[Number(event.lastEventId)], event.data as string));
  stream.addEventListener('refused', event => refuse(told[Number(event.lastEventId)], event.data as string));
  stream.addEventListener('over', () => {
    stream.close();
    tellSignedOut();
  });
  stream.onopen = () => {
    connected.value = true;
    retryAfter = 1000;
  };
  stream.onerror = () => {
    if (source === stream) {
      stream.close();
      void retry();
    }
  };
}

// What went wrong an EventSource does not say: a plain request does.
async function retry() {
  try {
    await get('whoami');
    connected.value = true;
  } catch (error) {
    if (error instanceof ApiError && error.isSignedOut) {
      return;
    }

    connected.value = false;
  }

  retryAfter = Math.min(retryAfter * 1.6, 8000);
  open(retryAfter);
}

function take(entry: Entry | undefined, text: string) {
  if (entry !== undefined) {
    connected.value = true;
    entry.state.value = { data: JSON.parse(text) as unknown, at: Date.now() };
  }
}

function refuse(entry: Entry | undefined, text: string) {
  if (entry !== undefined) {
    const refusal = JSON.parse(text) as { reason?: string };
    entry.state.value = { ...entry.state.value, error: sentence(refusal.reason), at: Date.now() };
  }
}

let hiding: ReturnType<typeof setTimeout> | undefined;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiding);
  if (document.hidden) {
    hiding = setTimeout(() => {
      source?.close();
      source = undefined;
    }, hiddenAfter);
  } else if (source === undefined) {
    open(0);
  }
});
