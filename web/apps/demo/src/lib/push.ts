// SPDX-License-Identifier: MIT
// Web pushes for this browser: on, off, or not possible.
import { HttpError, type KibrayClient } from 'kibray-client';

export type PushState = 'on' | 'off' | 'blocked' | 'unsupported';

export function registerWorker(onGo: (place: string) => void): void {
  if ('serviceWorker' in navigator && import.meta.env.PROD) {
    void navigator.serviceWorker.register(new URL('sw.js', document.baseURI)).catch(() => {});
    navigator.serviceWorker.addEventListener('message', ({ data }: MessageEvent<{ type?: string; place?: string }>) => {
      if (data?.type === 'go' && data.place) {
        onGo(data.place);
      }
    });
  }
}

async function registration(): Promise<ServiceWorkerRegistration | undefined> {
  return 'serviceWorker' in navigator && 'PushManager' in window
    ? navigator.serviceWorker.getRegistration(document.baseURI) : undefined;
}

export async function pushState(): Promise<PushState> {
  const worker = await registration();
  if (!worker) {
    return 'unsupported';
  }
  if (Notification.permission === 'denied') {
    return 'blocked';
  }
  return await worker.pushManager.getSubscription() ? 'on' : 'off';
}

export async function switchPushOn(client: KibrayClient): Promise<string | null> {
  const worker = await registration();
  if (!worker || await Notification.requestPermission() !== 'granted') {
    return 'The browser does not allow it.';
  }
  try {
    const { public_key: key } = await client.api.vapidKey();
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    await client.api.addDevice(JSON.stringify(subscription), 'web');
    return null;
  } catch (error) {
    return error instanceof HttpError && error.status === 404
      ? 'This server is not set up for web push.' : 'It could not be switched on.';
  }
}

/** Also before a logout: the next user of this browser is not told what is meant for this one. */
export async function switchPushOff(client: KibrayClient): Promise<void> {
  const subscription = await (await registration())?.pushManager.getSubscription();
  if (subscription) {
    await client.api.removeDevice(JSON.stringify(subscription)).catch(() => {});
    await subscription.unsubscribe();
  }
}
