/** The frame around all pages. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { chooseLanguage, language, t } from './data/i18n';
import { connected, useLive } from './data/live';
import { href, route } from './data/router';
import { isMonitor, signOut, user } from './data/session';
import type { Node, Overview } from './data/types';
import { Toasts, say } from './ui/base';
import { Icon } from './ui/icons';
import { pages } from './ui/nav';
import { Palette, paletteIsOpen } from './ui/palette';
import { theme, toggleTheme } from './ui/theme';
import { Login } from './pages/login';
import { pageOf } from './pages';

export function App() {
  if (user.value === undefined) {
    return null;
  }

  return user.value === null ? <Login /> : <Frame />;
}

export const overviewPath = 'overview';

function Frame() {
  const [isMenu, setMenu] = useState(false);
  const path = route.value.path;
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const key = path.join('/');
  useEffect(() => {
    setMenu(false);
    main.current?.scrollTo({ top: 0 });

    // Who hears the page is to hear that it is another one.
    if (!isFirst.current) {
      main.current?.focus({ preventScroll: true });
    }

    isFirst.current = false;
  }, [key]);
  const overview = useLive<Overview>(overviewPath).data;
  const section = path[0] ?? '';
  document.title = `${[...path.slice(1).reverse(), titleOf(section)].join(' · ')} – ${overview?.cluster_name ?? 'Granary'}`;
  return (
    <>
      <a class="skip" href="#main" onClick={event => { event.preventDefault(); main.current?.focus(); }}>{t('common.skip')}</a>
      <div class={isMenu ? 'frame with-menu' : 'frame'}>
        <header class="top">
          <button type="button" class="ghost icon-button menu-button" aria-expanded={isMenu} aria-controls="nav" aria-label={t('common.menu')} onClick={() => setMenu(!isMenu)}><Icon name="menu" /></button>
          <a class="brand" href="#/" aria-label="Granary"><img src={document.querySelector<HTMLLinkElement>('link[rel=icon]')!.href} alt="" width="26" height="26" /><span>Granary</span></a>
          {overview && <span class="cluster-name"><bdi>{overview.cluster_name}</bdi></span>}
          <button type="button" class="search-button" onClick={() => { paletteIsOpen.value = true; }} >
            <Icon name="search" /><span>{t('palette.open')}</span><kbd>Ctrl K</kbd>
          </button>
          <div class="top-end">
            {!connected.value && <span class="badge bad" role="status">{t('common.unreachable')}</span>}
            <button type="button" class="ghost icon-button" aria-label={language.value === 'zh' ? 'English' : '中文'} title={language.value === 'zh' ? 'English' : '中文'} lang={language.value === 'zh' ? 'en' : 'zh-Hans'} onClick={() => chooseLanguage(language.value === 'zh' ? 'en' : 'zh')}><Icon name="language" /></button>
            <button type="button" class="ghost icon-button" aria-label={t(theme.value === 'dark' ? 'common.light' : 'common.dark')} title={t(theme.value === 'dark' ? 'common.light' : 'common.dark')} onClick={toggleTheme}><Icon name={theme.value === 'dark' ? 'sun' : 'moon'} /></button>
            <span class="who"><bdi>{user.value!.name}</bdi></span>
            <button type="button" class="ghost icon-button" aria-label={t('login.out')} title={t('login.out')} onClick={() => void signOut().catch((error: Error) => say(error.message, 'bad'))}><Icon name="out" /></button>
          </div>
        </header>
        <nav id="nav" class="nav" aria-label={t('nav.label')}>
          {(['main', 'admin'] as const).map(group => (
            <div key={group} class="nav-group">
              {group === 'admin' && <p class="nav-title">{t('nav.admin')}</p>}
              {pages.value.filter(page => page.group === group).map(page => (
                <a key={page.title} href={href(page.path)} aria-current={section === (page.path[0] ?? '') ? 'page' : undefined}><Icon name={page.icon} />{t(page.title)}</a>
              ))}
            </div>
          ))}
          <p class="nav-foot">{overview && t('common.speaksAs', { product: overview.product_name, version: overview.product_version })}</p>
        </nav>
        <div class="shade" onClick={() => setMenu(false)} />
        <main id="main" class="main" ref={main} tabIndex={-1}>
          {isMonitor.value && <Alarms />}
          <div class="content" key={key}>{pageOf(path)}</div>
        </main>
      </div>
      <Palette />
      <Toasts />
    </>
  );
}

function titleOf(section: string) {
  const page = pages.value.find(one => (one.path[0] ?? '') === section);
  return page ? t(page.title) : t('nav.overview');
}

export const nodesPath = 'nodes';

function Alarms() {
  const nodes = useLive<Node[]>(nodesPath).data ?? [];
  const short = nodes.filter(node => node.mem_alarm || node.disk_free_alarm);
  return short.length === 0 ? null : (
    <div class="note bad alarm" role="alert">
      <Icon name="alarm" />
      <span>{short.map(node => t(node.mem_alarm ? 'alarm.memory' : 'alarm.disk', { node: node.name })).join(' ')} {t('alarm.text')}</span>
    </div>
  );
}
