// SPDX-License-Identifier: MIT
// A room's own doings: where it goes on, and the small signals.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClientFrame } from '../src/index.js';
import { chat, FakeSocket, settle } from './fakes.js';
import { makeRoom, openRoom } from './rooms.js';

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => void vi.useRealTimers());

const sinceOf = (socket: FakeSocket) => new URL(socket.url).searchParams.get('since');

async function again(hello: object): Promise<void> {
  FakeSocket.last.end();
  await settle(1000);
  FakeSocket.last.hello(hello);
}

describe('since', () => {
  test('from a page of the history on; then from the last seq seen', async () => {
    const { room } = makeRoom();
    room.since = 40;
    room.open();
    await settle();
    expect(FakeSocket.last.url).toBe('ws://h/p/ws/chat/general/?since=40');
    FakeSocket.last.hello({ seq: 42, resumed: true });
    expect(room.since).toBe(40);                  // 41 and 42 are still to come
    FakeSocket.last.say(chat(41));
    await again({ seq: 43, resumed: true });
    expect(sinceOf(FakeSocket.last)).toBe('41');
    FakeSocket.last.say({ type: 'delete_message', message_id: 1, channel_id: 7, user_id: 1, deleted_at: '', seq: 43 });
    FakeSocket.last.say(chat(12));                // an old copy moves nothing back
    await again({ seq: 43, resumed: true });
    expect(sinceOf(FakeSocket.last)).toBe('43');
  });

  test('without a history it begins with now, and is 0 only when there was nothing', async () => {
    const { room } = makeRoom();
    room.open();
    await settle();
    expect(sinceOf(FakeSocket.last)).toBeNull();
    FakeSocket.last.hello({ seq: 0 });
    await again({ seq: 0, resumed: true });
    expect(sinceOf(FakeSocket.last)).toBe('0');
  });

  test('resumed:false says so, and goes on from what the server has', async () => {
    const { room } = makeRoom();
    const told = vi.fn();
    room.on('resync', told);
    room.since = 5000;
    room.open();
    await settle();
    FakeSocket.last.hello({ seq: 12, resumed: false });
    expect(told).toHaveBeenCalledExactlyOnceWith({ seq: 12 });
    await again({ seq: 12, resumed: true });
    expect(sinceOf(FakeSocket.last)).toBe('12');
    expect(told).toHaveBeenCalledTimes(1);
  });
});

describe('typing', () => {
  test('many keys, few frames, always switched off', async () => {
    await openRoom();
    const { room } = makeRoom();
    room.open();
    await settle();
    FakeSocket.last.hello();
    for (let i = 0; i < 100; i++) {               // ten seconds of typing
      room.keystroke();
      await settle(100);
    }
    const on = () => FakeSocket.last.ofType('typing').map((frame) => frame.is_typing);
    expect(on()).toEqual([true, true, true, true]);
    await settle(5000);
    expect(on()).toEqual([true, true, true, true, false]);
    room.keystroke();
    room.stopTyping();
    room.keystroke();                             // within the second: at its end
    expect(on().slice(5)).toEqual([true, false]);
    await settle(1000);
    expect(on().slice(5)).toEqual([true, false, true]);
    await room.say('done');                       // the server switches it off itself
    await settle(10_000);
    expect(on().slice(7)).toEqual([true]);
  });

  test('leaves room for messages', async () => {
    const { room } = await openRoom({ rateLimit: 25 });
    for (let i = 0; i < 60; i++) {
      room.keystroke();
      await settle(1000);
    }
    expect(FakeSocket.last.ofType('typing').length).toBeLessThanOrEqual(5);
  });
});

describe('batches', () => {
  const sizes = () => FakeSocket.last.ofType('batch_update').map(({ updates }) => (updates as object[]).length);

  test('100 ms after the first, at most 50, in order', async () => {
    const { room } = await openRoom();
    for (let i = 0; i < 120; i++) {
      room.update({ n: i });
    }
    await settle(99);
    expect(sizes()).toEqual([]);
    await settle(1);
    expect(sizes()).toEqual([50, 50, 20]);
    const all = FakeSocket.last.ofType('batch_update').flatMap(({ updates }: ClientFrame) => updates as { n: number }[]);
    expect(all.map(({ n }) => n)).toEqual(Array.from({ length: 120 }, (_, i) => i));
  });

  test('wait for the socket', async () => {
    const { room } = await openRoom();
    FakeSocket.last.end();
    room.update({ n: 1 });
    await settle(1000);
    FakeSocket.last.hello();
    await settle(1100);
    expect(sizes()).toEqual([1]);
  });
});

describe('reading', () => {
  const ids = () => FakeSocket.all.flatMap((socket) => socket.ofType('read_receipt').map((frame) => frame.message_id));

  test('the last of a while, not twice, again after a break', async () => {
    const { room } = await openRoom();
    room.markRead(5);
    room.markRead(9);
    await settle(500);
    expect(ids()).toEqual([9]);
    room.markRead(9);
    await settle(500);
    expect(ids()).toEqual([9]);
    FakeSocket.last.end();
    room.markRead(10);
    await settle(1000);
    FakeSocket.last.hello();
    await settle(4000);
    expect(ids()).toEqual([9, 10]);
  });
});
