// SPDX-License-Identifier: MIT
// Names by user id, as far as they were heard: no route lists all people.
import { useSyncExternalStore } from 'react';

const KEY = 'kibray:people';
const MOST = 500;
let names: Readonly<Record<number, string>> = read();
const listeners = new Set<() => void>();

function read(): Record<number, string> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<number, string>;
  } catch {
    return {};
  }
}

export function learn(people: { id: number; name: string }[]): void {
  const fresh = people.filter(({ id, name }) => names[id] !== name);
  if (fresh.length > 0) {
    names = Object.fromEntries([...Object.entries(names), ...fresh.map(({ id, name }) => [id, name] as const)].slice(-MOST));
    try {
      localStorage.setItem(KEY, JSON.stringify(names));
    } catch {
      // They are heard again.
    }
    listeners.forEach((listener) => listener());
  }
}

const listen = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export const useNames = () => useSyncExternalStore(listen, () => names);
