// SPDX-License-Identifier: MIT
// The client as a whole: addresses below any prefix, logins, the queue of rooms that nobody shows.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HttpError, KibrayClient } from '../src/index.js';
import { chat, FakeSocket, fakeStorage, seconds, settle, socketClass, token } from './fakes.js';

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => void vi.useRealTimers());

const fresh = (user = 1) => token({ iat: seconds(), exp: seconds() + 3600, user_id: user });

function make(answer: (url: string, init: RequestInit) => { status?: number; body?: unknown } = () => ({})) {
  const asked: string[] = [];
  const client = new KibrayClient({
    baseUrl: 'https://h.example/some/prefix', storage: fakeStorage(), WebSocket: socketClass, locks: null,
    fetch: (async (url: string, init: RequestInit) => {
      asked.push(`${init.method} ${url}`);
      const { status = 200, body = {} } = answer(url, init);
      return { ok: status < 400, status, statusText: '', json: async () => body, blob: async () => new Blob(['x']) };
    }) as unknown as typeof fetch,
  });
  return { client, asked };
}

describe('addresses', () => {
  test('everything is below the prefix: sockets, routes, and what the server calls by its own paths', async () => {
    const { client, asked } = make();
    client.session.set(fresh(), 'r');
    client.notifications.open();
    client.status.open();
    client.direct(7).open();
    await settle();
    expect(FakeSocket.all.map(({ url }) => url)).toEqual([
      'wss://h.example/some/prefix/ws/notifications/', 'wss://h.example/some/prefix/ws/status/',
      'wss://h.example/some/prefix/ws/chat/direct/7/',
    ]);
    await client.api.history(3, { before: 9, limit: 20 });
    await client.api.next('/api/channels/3/messages/?before=4');
    await client.api.fileUrl('/media/attachments/5/a.png', { thumbnail: true });
    expect(asked).toEqual([
      'GET https://h.example/some/prefix/api/channels/3/messages/?before=9&limit=20',
      'GET https://h.example/some/prefix/api/channels/3/messages/?before=4',
      'GET https://h.example/some/prefix/media/attachments/5/a.png?thumbnail=1',
    ]);
  });
});

describe('requests', () => {
  test('a refused token is renewed once, and the request repeated', async () => {
    const old = fresh();
    const { client, asked } = make((url, { headers }) => {
      if (url.endsWith('/api/token/refresh/')) {
        return { body: { access: fresh() } };
      }
      const isOld = (headers as Record<string, string>).Authorization === `Bearer ${old}`;
      return isOld ? { status: 401 } : { body: { id: 1, username: 'alice' } };
    });
    client.session.set(old, 'r');
    expect((await client.api.me()).username).toBe('alice');
    expect(asked.map((line) => line.replace('https://h.example/some/prefix', ''))).toEqual([
      'GET /api/users/me/', 'POST /api/token/refresh/', 'GET /api/users/me/']);
  });

  test('errors have status, code and sentence', async () => {
    const { client } = make(() => ({ status: 403, body: { detail: 'No.', code: 'PERMISSION_DENIED' } }));
    const error = await client.api.metrics().catch((problem: unknown) => problem) as HttpError;
    expect(error).toBeInstanceOf(HttpError);
    expect([error.status, error.code, error.message]).toEqual([403, 'PERMISSION_DENIED', 'No.']);
  });

  test('a login keeps its tokens; a logout is told, also when the server is away', async () => {
    const { client, asked } = make((url) => {
      if (url.endsWith('/blacklist/')) {
        throw new TypeError('away');
      }
      return { body: { access: fresh(5), refresh: 'r' } };
    });
    await client.login('eve', 'secret');
    expect(client.session.userId).toBe(5);
    await client.logout();
    expect(client.session.isSignedIn).toBe(false);
    expect(asked.length).toBe(2);
  });
});

describe('the queue', () => {
  test('opens rooms that nobody shows while they have something to send', async () => {
    const { client } = make();
    client.session.set(fresh(), 'r');
    const stop = client.resumeQueue();
    await settle();
    expect(FakeSocket.all.length).toBe(0);
    await client.room(7).say('left behind');
    await settle();
    FakeSocket.last.hello();
    await settle(100);                  // without Web Locks a lease takes a moment
    const [frame] = FakeSocket.last.ofType('chat_message');
    expect(frame!.message).toBe('left behind');
    FakeSocket.last.say(chat(1, { client_id: frame!.client_id }));
    await settle(1000);
    expect(FakeSocket.last.isClosed).toBe(true);
    stop();
  });

  test('another user is shown nothing of it, and it is there when the first comes back', async () => {
    const { client } = make();
    client.session.set(fresh(1), 'r');
    await client.room(7).say('mine');
    expect(client.outbox.entries.length).toBe(1);
    client.session.set(fresh(2), 'r');
    await settle();
    expect(client.outbox.entries).toEqual([]);
    client.session.set(fresh(1), 'r');
    await settle();
    expect(client.outbox.entries.length).toBe(1);
  });
});

test('a status that was set by hand is set again after a break', async () => {
  const { client } = make();
  client.session.set(fresh(), 'r');
  client.status.open();
  await settle();
  FakeSocket.last.hello();
  client.status.set('busy');
  FakeSocket.last.end();
  await settle(1000);
  FakeSocket.last.hello();
  expect(FakeSocket.last.ofType('status_update')).toEqual([{ type: 'status_update', status: 'busy' }]);
});
