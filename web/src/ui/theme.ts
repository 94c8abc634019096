import { effect, signal } from '@preact/signals';

export type Theme = 'light' | 'dark';

const dark = matchMedia('(prefers-color-scheme: dark)');
const chosen = () => localStorage.getItem('theme');
const present = (): Theme => (chosen() === 'light' || chosen() === 'dark' ? (chosen() as Theme) : dark.matches ? 'dark' : 'light');

export const theme = signal<Theme>(present());

dark.addEventListener('change', () => {
  theme.value = present();
});

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

export function toggleTheme() {
  localStorage.setItem('theme', theme.value === 'dark' ? 'light' : 'dark');
  theme.value = present();
}
