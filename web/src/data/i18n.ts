/** The page's languages: a catalogue each, with the same keys (tests/Web checks that). */
import { effect, signal } from '@preact/signals';
import en from '../locales/en.json';
import zh from '../locales/zh.json';

export type Key = keyof typeof en;

const catalogues = { en, zh: zh as typeof en };
export type Language = keyof typeof catalogues;

const chosen = localStorage.getItem('language');
export const language = signal<Language>(chosen === 'en' || chosen === 'zh' ? chosen : navigator.language.startsWith('zh') ? 'zh' : 'en');

effect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-Hans' : 'en';
});

export function chooseLanguage(to: Language) {
  localStorage.setItem('language', to);
  language.value = to;
}

/** A text, with {names} replaced. */
export const t = (key: Key, values: Record<string, string | number> = {}): string =>
  catalogues[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
