/** Where the window is: behind the #, with RabbitMQ's own paths, so that bookmarks go on to work. */
import { signal } from '@preact/signals';

export interface Route {
  /** Decoded one by one: names may have slashes. */
  path: string[];
  query: URLSearchParams;
}

const parse = (hash: string): Route => {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return { path: path.split('/').filter(part => part !== '').map(decode), query: new URLSearchParams(query) };
};

const decode = (part: string) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

export const route = signal(parse(location.hash));

addEventListener('hashchange', () => {
  route.value = parse(location.hash);
});

/** An address within the page. */
export function href(path: string[], query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`;
}

export const go = (path: string[], query: Record<string, string> = {}) => {
  location.hash = href(path, query);
};

/** Changes what the address says of the present page, without a step in the history. An empty value is left out. */
export function setQuery(changes: Record<string, string>) {
  const query = new URLSearchParams(route.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') {
      query.delete(name);
    } else {
      query.set(name, value);
    }
  }

  history.replaceState(null, '', href(route.value.path, Object.fromEntries(query)));
  route.value = { ...route.value, query };
}
