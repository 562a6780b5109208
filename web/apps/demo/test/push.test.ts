// @vitest-environment jsdom
// SPDX-License-Identifier: MIT
// Whose pushes a browser gets, over a push manager that is a few functions.
import { KibrayClient } from 'kibray-client';
import { beforeEach, expect, test, vi } from 'vitest';
import { fakeStorage, seconds, socketClass, token } from '../../../packages/client/test/fakes.js';
import { keepPushWithUser, pushState, switchPushOn } from '../src/lib/push';

let isSubscribed: boolean;
let asked: string[];
let status: number;
let client: KibrayClient;

const subscription = { endpoint: 'https://push/1', unsubscribe: async () => { isSubscribed = false; return true; } };
const pushManager = {
  getSubscription: async () => (isSubscribed ? subscription : null),
  subscribe: async () => { isSubscribed = true; return subscription; },
};
const tokenOf = (user: number) => token({ iat: seconds(), exp: seconds() + 3600, user_id: user });

beforeEach(() => {
  isSubscribed = true;
  asked = [];
  status = 200;
  Object.defineProperty(navigator, 'serviceWorker', { configurable: true, value: { getRegistration: async () => ({ pushManager }) } });
  vi.stubGlobal('PushManager', class {});
  vi.stubGlobal('Notification', { permission: 'granted', requestPermission: async () => 'granted' });
  client = new KibrayClient({
    baseUrl: 'http://h/', storage: fakeStorage(), WebSocket: socketClass, locks: null,
    fetch: (async (url: string, { method }: RequestInit) => {
      asked.push(`${method} ${new URL(url).pathname}`);
      const isOk = status === 200 || url.includes('vapid');
      return { ok: isOk, status: isOk ? 200 : status, json: async () => ({ public_key: 'k' }) };
    }) as unknown as typeof fetch,
  });
});

const DEVICE = 'POST /api/notifications/devices/';

test('a start registers the device for whoever is signed in, once for each user', async () => {
  client.session.set(tokenOf(1), 'r');
  keepPushWithUser(client);
  await vi.waitFor(() => expect(asked).toEqual([DEVICE]));
  client.session.set(tokenOf(1), 'r');              // renewed
  client.session.set(tokenOf(2), 'r');
  await vi.waitFor(() => expect(asked).toEqual([DEVICE, DEVICE]));
  expect(isSubscribed).toBe(true);
});

test('a login that ran out takes the pushes away', async () => {
  client.session.set(tokenOf(1), 'r');
  keepPushWithUser(client);
  await vi.waitFor(() => expect(asked).toEqual([DEVICE]));
  client.session.clear();
  await vi.waitFor(() => expect(isSubscribed).toBe(false));
});

test('so does a start that is not signed in', async () => {
  keepPushWithUser(client);
  await vi.waitFor(() => expect(isSubscribed).toBe(false));
  expect(asked).toEqual([]);
});

test('a device that the server does not take is not left subscribed', async () => {
  isSubscribed = false;
  status = 503;
  expect(await switchPushOn(client)).toBe('It could not be switched on.');
  expect(await pushState()).toBe('off');
});
