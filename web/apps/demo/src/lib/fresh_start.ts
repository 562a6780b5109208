// SPDX-License-Identifier: MIT
// A page that was open while a new version came asks for files that are gone: it starts anew, once.

const KEY = 'kibray:fresh-start';
const PAUSE_MS = 60_000;            // a file that is still missing must not make it a loop

function mayReload(): boolean {
  try {
    const last = Number(sessionStorage.getItem(KEY) ?? 0);
    if (Date.now() - last < PAUSE_MS) {
      return false;
    }
    sessionStorage.setItem(KEY, `${Date.now()}`);
    return true;
  } catch {
    return false;                   // forbidden by the browser's settings: then it would not be known
  }
}

export function reloadWhenOutdated(): void {
  window.addEventListener('vite:preloadError', () => {
    if (navigator.onLine && mayReload()) {
      window.location.reload();
    }
  });
}
