import { useState } from 'preact/hooks';
import { chooseLanguage, language, t } from '../data/i18n';
import { loginReason, signIn } from '../data/session';
import { Note } from '../ui/base';

export function Login() {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const onSubmit = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    try {
      await signIn(String(form.get('username')), String(form.get('password')));
    } catch (failure) {
      const { status, message } = failure as Error & { status?: number };
      setError(status === 401 ? (message.startsWith('Login failed') ? t('login.failed') : t('login.noTag')) : message);
      setBusy(false);
    }
  };
  document.title = 'Granary';
  return (
    <main class="login">
      <form class="login-box" onSubmit={event => void onSubmit(event)}>
        <img src={document.querySelector<HTMLLinkElement>('link[rel=icon]')!.href} alt="" width="44" height="44" />
        <h1>Granary</h1>
        <p class="muted">{t('login.text')}</p>
        {loginReason.value !== '' && error === '' && <Note tone="warn">{loginReason.value === 'over' ? t('login.over') : loginReason.value}</Note>}
        {error !== '' && <Note tone="bad">{error}</Note>}
        <div class="field"><label for="username">{t('login.user')}</label><input id="username" name="username" autocomplete="username" autofocus required spellcheck={false} autocapitalize="none" /></div>
        <div class="field"><label for="password">{t('login.password')}</label><input id="password" name="password" type="password" autocomplete="current-password" required /></div>
        <button type="submit" class="primary" disabled={busy}>{t('login.in')}</button>
        <button type="button" class="ghost small" lang={language.value === 'zh' ? 'en' : 'zh-Hans'} onClick={() => chooseLanguage(language.value === 'zh' ? 'en' : 'zh')}>{language.value === 'zh' ? 'English' : '中文'}</button>
      </form>
    </main>
  );
}
