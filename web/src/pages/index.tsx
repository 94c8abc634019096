import type { ComponentChildren } from 'preact';
import { t } from '../data/i18n';
import { Empty } from '../ui/base';
import { ChannelPage, Channels } from './channels';
import { Cluster, NodePage } from './cluster';
import { ConnectionPage, Connections } from './connections';
import { DeadLetters } from './deadletters';
import { Definitions } from './definitions';
import { ExchangePage } from './exchange';
import { Exchanges } from './exchanges';
import { LogPage } from './log';
import { OverviewPage } from './overview';
import { Policies, PolicyPage } from './policies';
import { QueuePage } from './queue';
import { Queues } from './queues';
import { UserPage, Users } from './users';
import { VhostPage, Vhosts } from './vhosts';

/** What an address shows. An exchange without a name has an address with two parts. */
export function pageOf(path: string[]): ComponentChildren {
  const [section = '', first, second] = path;
  const hasOne = first !== undefined;
  switch (section) {
    case '':
      return <OverviewPage />;
    case 'connections':
      return hasOne ? <ConnectionPage name={first} /> : <Connections />;
    case 'channels':
      return hasOne ? <ChannelPage name={first} /> : <Channels />;
    case 'exchanges':
      return hasOne ? <ExchangePage vhost={first} name={second === 'amq.default' ? '' : (second ?? '')} /> : <Exchanges />;
    case 'queues':
      return hasOne && second !== undefined ? <QueuePage vhost={first} name={second} /> : <Queues />;
    case 'dead-letters':
      return <DeadLetters />;
    case 'cluster':
    case 'cluster-name':
      return <Cluster />;
    case 'nodes':
      return hasOne ? <NodePage name={first} /> : <Cluster />;
    case 'users':
      return hasOne ? <UserPage name={first} /> : <Users />;
    case 'vhosts':
    case 'limits':
      return hasOne ? <VhostPage name={first} /> : <Vhosts />;
    case 'policies':
      return hasOne && second !== undefined ? <PolicyPage vhost={first} name={second} /> : <Policies />;
    case 'definitions':
      return <Definitions />;
    case 'log':
      return <LogPage />;
    default:
      return <Empty title={t('common.noPage')} isPage><a href="#/">{t('nav.overview')}</a></Empty>;
  }
}
