// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Connection } from '../src/connection.js';
import { Session } from '../src/session.js';
import { FakeSocket, fakeStorage, seconds, settle, socketClass, token } from './fakes.js';

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  FakeSocket.answersPings = true;
});
afterEach(() => void vi.useRealTimers());

const fresh = (life = 36_000) => token({ iat: seconds(), exp: seconds() + life, user_id: 1 });

function make({ ask = vi.fn(async (): Promise<string | null> => fresh()), access = fresh() } = {}) {
  const session = new Session('k', fakeStorage(), ask);
  session.set(access, 'refresh');
  const connection = new Connection({
    session, url: () => 'ws://h/ws/status/', WebSocket: socketClass, rateLimit: 60, random: () => 0.5,
  });
  return { session, connection, ask, access };
}

async function opened(options?: Parameters<typeof make>[0]) {
  const all = make(options);
  const close = all.connection.open();
  await settle();
  FakeSocket.last.hello();
  return { ...all, close };
}

describe('opening and closing', () => {
  test('the token goes as subprotocol; open is what the server calls established', async () => {
    const { connection, access } = make();
    connection.open();
    await settle();
    expect(FakeSocket.last.protocols).toEqual(['bearer', access]);
    expect(connection.state.status).toBe('connecting');
    expect(connection.send({ type: 'ping' })).toBe(false);
    FakeSocket.last.hello();
    expect(connection.state).toEqual({ status: 'open', attempt: 0 });
  });

  test('one socket for all who want it; closed shortly after the last has gone', async () => {
    const { connection, close } = await opened();
    const second = connection.open();
    close();
    close();
    await settle(1000);
    expect(connection.isOpen).toBe(true);
    second();
    connection.open()();              // mounted twice
    await settle(200);
    expect(FakeSocket.all.length).toBe(1);
    expect(connection.isOpen).toBe(true);
    await settle(200);
    expect(FakeSocket.last.isClosed).toBe(true);
    expect(connection.state.status).toBe('idle');
  });

  test('typed events, then the frame; a listener that throws keeps nobody from hearing', async () => {
    const { connection } = await opened();
    const heard: string[] = [];
    const thrown = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
    connection.on('typing', () => { throw new Error('mine'); });
    const stop = connection.on('typing', (frame) => heard.push(`typing ${frame.username}`));
    connection.on('frame', (frame) => heard.push(`frame ${frame.type}`));
    FakeSocket.last.say({ type: 'typing', user_id: 2, username: 'bob', channel_id: 7, is_typing: true });
    FakeSocket.last.onmessage?.({ data: 'no JSON' });
    stop();
    FakeSocket.last.say({ type: 'typing', user_id: 2, username: 'bob', channel_id: 7, is_typing: false });
    expect(heard).toEqual(['typing bob', 'frame typing', 'frame typing']);
    expect(thrown).toHaveBeenCalledTimes(2);
  });
});

describe('coming back', () => {
  test('without an end, ever later, then from the beginning after a success', async () => {
    const { connection } = await opened();
    const delays: number[] = [];
    for (let i = 0; i < 40; i++) {
      FakeSocket.last.end();
      expect(connection.state.status).toBe('waiting');
      const delay = connection.state.retryAt! - Date.now();
      delays.push(delay);
      const before = FakeSocket.all.length;
      await settle(delay - 1);
      expect(FakeSocket.all.length).toBe(before);
      await settle(1);
      expect(FakeSocket.all.length).toBe(before + 1);
    }
    expect(delays.slice(0, 7)).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    expect(Math.max(...delays)).toBe(15_000);
    FakeSocket.last.hello();
    FakeSocket.last.end();
    expect(connection.state.retryAt! - Date.now()).toBe(500);
  });

  test('1012 names the time', async () => {
    const { connection } = await opened();
    FakeSocket.last.end(1012, 'retry_ms=7321');
    expect(connection.state.retryAt! - Date.now()).toBe(7321);
    await settle(7321);
    expect(FakeSocket.all.length).toBe(2);
  });

  test.each([4403, 4404])('%i: not again, until it is asked for', async (code) => {
    const { connection } = await opened();
    FakeSocket.last.end(code);
    await settle(3600_000);
    expect(FakeSocket.all.length).toBe(1);
    expect(connection.state).toMatchObject({ status: 'stopped', code });
    connection.retryNow();
    await settle();
    expect(FakeSocket.all.length).toBe(2);
  });

  test('4429 waits half a minute and more', async () => {
    const { connection } = await opened();
    FakeSocket.last.end(4429);
    expect(connection.state.retryAt! - Date.now()).toBeGreaterThanOrEqual(30_000);
  });

  test.each([4408, 4413, 1013, 1001, 1009])('%i: again', async (code) => {
    await opened();
    FakeSocket.last.end(code);
    await settle(1000);
    expect(FakeSocket.all.length).toBe(2);
  });
});

describe('the token', () => {
  test('4401: a new one, at once', async () => {
    const { ask, session, access } = await opened();
    FakeSocket.last.end(4401);
    await settle();
    expect(ask).toHaveBeenCalledTimes(1);
    expect(FakeSocket.all.length).toBe(2);
    expect(FakeSocket.last.protocols[1]).toBe(await session.accessToken());
    expect(FakeSocket.last.protocols[1]).not.toBe(access);
  });

  test('4401 with every token: not in a circle', async () => {
    const { connection } = await opened();
    for (let i = 0; i < 3; i++) {
      FakeSocket.last.end(4401);
      await settle();
    }
    expect(FakeSocket.all.length).toBe(2);
    expect(connection.state.status).toBe('waiting');
  });

  test('the refresh token is refused: signed out; back after a login', async () => {
    const { connection, session } = await opened({ ask: vi.fn(async () => null) });
    FakeSocket.last.end(4401);
    await settle();
    expect(connection.state.status).toBe('signed_out');
    expect(session.isSignedIn).toBe(false);
    await settle(3600_000);
    expect(FakeSocket.all.length).toBe(1);
    session.set(fresh(), 'r2');
    await settle();
    expect(FakeSocket.all.length).toBe(2);
  });

  test('a new one before the end goes by refresh_token on the open socket', async () => {
    const { session } = await opened({ access: fresh(300) });
    await settle(245_000);
    const [frame] = FakeSocket.last.ofType('refresh_token');
    expect(frame).toEqual({ type: 'refresh_token', token: await session.accessToken() });
    expect(FakeSocket.all.length).toBe(1);
  });

  test('one that ended while the machine slept is renewed before the socket is opened', async () => {
    const { connection, session, ask, access } = make({ access: fresh(100) });
    vi.setSystemTime(Date.now() + 500_000);
    connection.open();
    await settle();
    expect(ask).toHaveBeenCalled();
    expect(FakeSocket.last.protocols[1]).toBe(await session.accessToken());
    expect(FakeSocket.last.protocols[1]).not.toBe(access);
  });

  test('logout ends the socket', async () => {
    const { connection, session } = await opened();
    session.clear();
    expect(FakeSocket.last.isClosed).toBe(true);
    expect(connection.state.status).toBe('signed_out');
  });
});

describe('dead connections', () => {
  test('silence is asked, an answer keeps it', async () => {
    const { connection } = await opened();
    for (let i = 1; i < 20; i++) {
      await settle(25_000);
      expect(FakeSocket.last.ofType('ping').length).toBe(i);
    }
    expect(connection.isOpen).toBe(true);
  });

  test('no answer: another socket, and what the old one says is passed over', async () => {
    const { connection } = await opened();
    FakeSocket.answersPings = false;
    const old = FakeSocket.last;
    const handler = old.onclose;
    await settle(25_000 + 10_000);
    expect(old.isClosed).toBe(true);
    expect(connection.state.status).toBe('waiting');
    await settle(1000);
    expect(FakeSocket.all.length).toBe(2);
    FakeSocket.last.hello();
    handler?.({ code: 4403, reason: '' });
    expect(connection.isOpen).toBe(true);
  });

  test('an opening that never ends is given up', async () => {
    const { connection } = make();
    connection.open();
    await settle(20_000);
    expect(FakeSocket.all[0]!.isClosed).toBe(true);
    await settle(1000);
    expect(FakeSocket.all.length).toBe(2);
  });
});

test('another user without a logout gets a socket of his own', async () => {
  const { session, connection } = await opened();
  const first = FakeSocket.last;
  session.set(token({ iat: seconds(), exp: seconds() + 36_000, user_id: 2 }), 'other');
  await settle();
  expect(first.isClosed).toBe(true);
  expect(first.ofType('refresh_token')).toEqual([]);
  expect(FakeSocket.all.length).toBe(2);
  expect(connection.state.status).toBe('connecting');
});
