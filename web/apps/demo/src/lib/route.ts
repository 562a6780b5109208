// SPDX-License-Identifier: MIT
import { useSyncExternalStore } from 'react';

export type Route = { page: 'home' } | { page: 'dashboard' } | { page: 'chat'; room: string };

/** #/chat/5, #/chat/direct/7, #/dashboard */
function parse(hash: string): Route {
  const chat = /^#\/chat\/((?:direct\/)?[A-Za-z0-9_-]{1,100})$/.exec(hash);
  if (chat) {
    return { page: 'chat', room: chat[1]! };
  }
  return { page: hash === '#/dashboard' ? 'dashboard' : 'home' };
}

const listen = (listener: () => void) => {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
};

export function useRoute(): Route {
  return parse(useSyncExternalStore(listen, () => window.location.hash));
}

export const chatPlace = (room: string | number) => `#/chat/${room}`;

export function go(place: string): void {
  window.location.hash = place.replace(/^#/, '');
}

export function replace(place: string): void {
  window.history.replaceState(null, '', place);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

/** Where a notification's url leads to: a chat of this app, or another page. */
export function placeOf(url: string): string {
  return /^\/chat\/\d+$/.test(url) ? `#${url}` : url;
}
