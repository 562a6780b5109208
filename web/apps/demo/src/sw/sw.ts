/// <reference lib="webworker" />
// SPDX-License-Identifier: MIT
// The app without a network, and pushes. Everything of the server itself goes past it.
declare const FILES: string[];
declare const VERSION: string;
const worker = self as unknown as ServiceWorkerGlobalScope;

const PREFIX = 'kibray-app-';
const CACHE = PREFIX + VERSION;
const folder = new URL('./', worker.location.href);

worker.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => worker.skipWaiting()));
});

async function removeOldCaches(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
}

worker.addEventListener('activate', (event) => {
  event.waitUntil(removeOldCaches().then(() => worker.clients.claim()));
});

/** The page itself: fresh if possible. Files with a hash in their name never change. */
async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  if (request.mode === 'navigate') {
    try {
      const fresh = await fetch(request);
      if (fresh.ok) {
        return fresh;
      }
    } catch {
      // No network.
    }
    return (await cache.match('./')) ?? Response.error();
  }
  return (await cache.match(request)) ?? fetch(request);
}

/** Below the app's folder; null for everything else. */
function pathOf({ origin, pathname }: URL): string | null {
  return origin === folder.origin && pathname.startsWith(folder.pathname) ? pathname.slice(folder.pathname.length) : null;
}

/** Other applications may live in folders below this one. */
const isPage = (path: string | null) => path === '' || path === 'index.html';

worker.addEventListener('fetch', (event) => {
  const path = pathOf(new URL(event.request.url));
  if (event.request.method === 'GET' && path !== null
    && (isPage(path) || path.startsWith('assets/') || FILES.includes(`./${path}`))) {
    event.respondWith(answer(event.request));
  }
});

interface Push { title: string; body?: string; tag?: string; data?: { url?: string } }

worker.addEventListener('push', (event) => {
  const { title = 'Kibray', ...options } = (event.data?.json() ?? {}) as Push;
  event.waitUntil(worker.registration.showNotification(title, { icon: new URL('icon.svg', folder).href, ...options }));
});

/** An open window is taken; the app goes to the place by the hash. */
async function show(place: string): Promise<void> {
  const target = new URL(`#${place}`, folder).href;
  const windows = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const ours = windows.find((client) => isPage(pathOf(new URL(client.url))));
  if (ours) {
    await ours.focus().catch(() => {});         // forbidden when it was no click
    ours.postMessage({ type: 'go', place });
  } else {
    await worker.clients.openWindow(target);
  }
}

/** Null when it is no address of a page. */
function parse(url: string): URL | null {
  try {
    const target = new URL(url, folder);
    return /^https?:$/.test(target.protocol) ? target : null;
  } catch {
    return null;
  }
}

/** A chat, or a place in the app, is shown by the app; anything else is a page of its own. */
async function follow(url: string): Promise<void> {
  const target = parse(url);
  if (/^\/chat\/\d+$/.test(url)) {
    await show(url);
  } else if (!target || isPage(pathOf(target))) {
    await show(target?.hash.slice(1) || '/');
  } else {
    await worker.clients.openWindow(target.href);
  }
}

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(follow(String((event.notification.data as { url?: string } | null)?.url ?? '')));
});
