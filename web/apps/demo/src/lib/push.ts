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

async function subscriptionHere(): Promise<PushSubscription | null> {
  return await (await registration())?.pushManager.getSubscription() ?? null;
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
    try {
      await client.api.addDevice(JSON.stringify(subscription), 'web');
    } catch (error) {
      await subscription.unsubscribe();       // else it would look as if it were on
      throw error;
    }
    return null;
  } catch (error) {
    return error instanceof HttpError && error.status === 404
      ? 'This server is not set up for web push.' : 'It could not be switched on.';
  }
}

/** Also before a logout: the next user of this browser is not told what is meant for this one. */
export async function switchPushOff(client: KibrayClient): Promise<void> {
  const subscription = await subscriptionHere();
  if (subscription) {
    await client.api.removeDevice(JSON.stringify(subscription)).catch(() => {});
    await subscription.unsubscribe();
  }
}

/** Pushes to this browser are for whoever is signed in here, and for nobody after a login that ran out. */
export function keepPushWithUser(client: KibrayClient): void {
  let known: number | null = null;            // whom the server has this browser for
  const look = async () => {
    const { isSignedIn, userId } = client.session;
    if (!isSignedIn) {
      known = null;
      await (await subscriptionHere())?.unsubscribe();
    } else if (userId !== known) {
      known = userId;
      const subscription = await subscriptionHere();
      if (subscription) {
        await client.api.addDevice(JSON.stringify(subscription), 'web');
      }
    }
  };
  const lookNow = () => void look().catch(() => {});      // the next start looks again
  client.session.on('token', lookNow);
  lookNow();
}
