// SPDX-License-Identifier: MIT
import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'kibray:theme';
const listeners = new Set<() => void>();

function current(): Theme {
  const value = document.documentElement.dataset.theme;
  return value === 'light' || value === 'dark' ? value : 'system';
}

export function setTheme(theme: Theme): void {
  if (theme === 'system') {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(KEY, theme);
  }
  listeners.forEach((listener) => listener());
}

const listen = (listener: () => void) => {
  const media = window.matchMedia('(prefers-color-scheme: dark)');
  media.addEventListener('change', listener);
  listeners.add(listener);
  return () => {
    media.removeEventListener('change', listener);
    listeners.delete(listener);
  };
};

export const useTheme = (): Theme => useSyncExternalStore(listen, current);

/** What is seen, whoever chose it. */
export const useIsDark = (): boolean => useSyncExternalStore(listen, () =>
  current() === 'dark' || (current() === 'system' && window.matchMedia('(prefers-color-scheme: dark)').matches));
