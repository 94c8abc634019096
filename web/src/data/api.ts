/** The management API as the page asks it. */

export interface Request {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Behind /api/. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A request that was not done; its message is a sentence. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }

  get isSignedOut() {
    return this.status === 401;
  }
}

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Calls back when the session has ended. */
export const onSignedOut = (listener: Listener) => {
  signedOut.add(listener);
};

export const tellSignedOut = () => signedOut.forEach(listener => listener());

export const enc = encodeURIComponent;

/** An exchange's name in a path: the default one has none. */
export const exchangeInPath = (name: string) => (name === '' ? 'amq.default' : enc(name));

/** A reason as a sentence. */
export function sentence(reason: unknown): string {
  const text = typeof reason === 'string' && reason.trim() !== '' ? reason.trim() : 'The broker did not say why';
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?。]$/.test(text) ? '' : '.');
}

export async function send<T = unknown>(request: Request): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/${request.path}`, {
      method: request.method,
      headers: {
        'X-Granary-Page': '1',
        ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...request.headers,
      },
      body: request.body === undefined ? undefined : JSON.stringify(request.body),
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch {
    throw new ApiError(0, 'The broker did not answer. It may be stopped, or out of reach from here.');
  }

  const text = await response.text();
  if (response.ok) {
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  const refusal = parse(text);
  if (response.status === 401 && refusal?.error === 'not_authorized' && request.path !== 'login') {
    tellSignedOut();
  }

  throw new ApiError(response.status, sentence(refusal?.reason ?? refusal?.error ?? response.statusText));
}

export const get = <T>(path: string) => send<T>({ method: 'GET', path });

function parse(text: string): { error?: string; reason?: string } | undefined {
  try {
    return JSON.parse(text) as { error?: string; reason?: string };
  } catch {
    return undefined;
  }
}

/** The same request for a shell. The password is asked for by curl. */
export function asCurl(request: Request, user: string): string {
  const parts = [`curl -u ${quote(user)} -X ${request.method}`];
  if (request.body !== undefined) {
    parts.push(`-H 'content-type: application/json' -d ${quote(JSON.stringify(request.body))}`);
  }

  for (const [name, value] of Object.entries(request.headers ?? {})) {
    parts.push(`-H ${quote(`${name}: ${value}`)}`);
  }

  parts.push(quote(`${location.origin}/api/${request.path}`));
  return parts.join(' ');
}

/** A word for a shell. */
export const quote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
