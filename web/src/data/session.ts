/** Who has logged in, and what of the page that is for. */
import { computed, signal } from '@preact/signals';
import { closeAll } from './live';
import { ApiError, get, onSignedOut, send } from './api';

export interface WhoAmI {
  name: string;
  tags: string[];
}

/** Undefined: not known yet; null: nobody. */
export const user = signal<WhoAmI | null | undefined>(undefined);

/** Why the login is shown, where it was not asked for. */
export const loginReason = signal('');

const has = (...tags: string[]) => user.value?.tags.some(tag => tags.includes(tag)) === true;
export const isAdministrator = computed(() => has('administrator'));
export const isMonitor = computed(() => has('administrator', 'monitoring'));
export const isPolicymaker = computed(() => has('administrator', 'policymaker'));

export async function resume() {
  try {
    user.value = await get<WhoAmI>('whoami');
  } catch (error) {
    user.value = null;
    loginReason.value = error instanceof ApiError && error.isSignedOut ? '' : String((error as Error).message);
  }
}

export async function signIn(username: string, password: string) {
  user.value = await send<WhoAmI>({ method: 'POST', path: 'login', body: { username, password } });
  loginReason.value = '';
}

export async function signOut() {
  await send({ method: 'DELETE', path: 'login' });
  leave('');
}

function leave(reason: string) {
  if (user.value) {
    closeAll();
    loginReason.value = reason;
    user.value = null;
  }
}

onSignedOut(() => leave('over'));
