/** The pages that the user may see. */
import { computed } from '@preact/signals';
import type { Key } from '../data/i18n';
import { isAdministrator, isMonitor } from '../data/session';
import type { IconName } from './icons';

export interface Place {
  path: string[];
  title: Key;
  icon: IconName;
  group: 'main' | 'admin';
}

const place = (path: string, title: Key, icon: IconName, group: 'main' | 'admin' = 'main'): Place => ({ path: path === '' ? [] : [path], title, icon, group });

export const pages = computed<Place[]>(() => [
  place('', 'nav.overview', 'overview'),
  place('connections', 'nav.connections', 'connection'),
  place('channels', 'nav.channels', 'channel'),
  place('exchanges', 'nav.exchanges', 'exchange'),
  place('queues', 'nav.queues', 'queue'),
  place('dead-letters', 'nav.deadLetters', 'dead'),
  ...(isMonitor.value ? [place('cluster', 'nav.cluster', 'cluster')] : []),
  ...(isAdministrator.value ? [place('users', 'nav.users', 'user', 'admin')] : []),
  place('vhosts', 'nav.vhosts', 'vhost', 'admin'),
  place('policies', 'nav.policies', 'policy', 'admin'),
  ...(isAdministrator.value ? [place('definitions', 'nav.definitions', 'definitions', 'admin'), place('log', 'nav.log', 'log', 'admin')] : []),
]);
