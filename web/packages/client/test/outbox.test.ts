// SPDX-License-Identifier: MIT
// The offline queue: nothing lost, nothing twice, in order.
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { OutboxFailure } from '../src/outbox.js';
import { openStore } from '../src/outbox_store.js';
import { chat, FakeSocket, fakeStorage, settle } from './fakes.js';
import { browser, makeRoom, openRoom } from './rooms.js';

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => void vi.useRealTimers());

type Sent = { type: string; message?: string; client_id: string };
const sentOn = (socket: FakeSocket) => socket.ofType('chat_message') as unknown as Sent[];
const texts = (socket: FakeSocket) => sentOn(socket).map(({ message }) => message);

/** The server stores what was sent last and tells these sockets. */
let nextId = 100;
async function confirm(socket: FakeSocket, ...others: FakeSocket[]): Promise<void> {
  const { client_id } = sentOn(socket).at(-1)!;
  for (const one of [socket, ...others]) {
    one.say(chat(nextId, { client_id }));
  }
  nextId++;
  await settle();
}

describe('what cannot be sent or kept', () => {
  test('a frame over the limit of the server is refused here, and blocks nothing', async () => {
    const { room, outbox, socket } = await openRoom();
    const failures: OutboxFailure[] = [];
    outbox.on('failed', (failure) => failures.push(failure));
    await room.say('\u20ac'.repeat(400_000));
    void room.say('small');
    await settle();
    expect(failures.map(({ code }) => code)).toEqual(['MESSAGE_TOO_LARGE']);
    expect(texts(socket)).toEqual(['small']);
  });

  test('a database that the browser closed is opened again', async () => {
    vi.useRealTimers();
    const factory = new IDBFactory();
    const open = factory.open.bind(factory);
    const opened: IDBDatabase[] = [];
    factory.open = ((...args: [string, number]) => {
      const request = open(...args);
      request.addEventListener('success', () => opened.push(request.result));
      return request;
    }) as typeof factory.open;
    const store = await openStore(factory, null);
    const entry = { key: 'k', scope: 's', room: 'r', client_id: 'c', frame: { type: 'chat_message' as const, message: 'm' }, queued_at: 1 };
    await store.put(entry);
    opened[0]!.close();
    expect(await store.all()).toEqual([entry]);
    expect(opened.length).toBe(2);
  });
});

describe('order', () => {
  test('one after the other, each when the one before is confirmed', async () => {
    const { room, outbox, socket } = await openRoom();
    void room.say('one');
    void room.say('two');
    void room.say('three');
    await settle();
    expect(texts(socket)).toEqual(['one']);
    expect(outbox.entries.length).toBe(3);
    await confirm(socket);
    await confirm(socket);
    expect(texts(socket)).toEqual(['one', 'two', 'three']);
    await confirm(socket);
    expect(outbox.entries).toEqual([]);
    expect(socket.sent.length).toBe(3);
  });

  test('a message that is in flight when the socket breaks is sent again with the same client_id', async () => {
    const { room, socket } = await openRoom();
    void room.say('one');
    void room.say('two');
    await settle();
    socket.end();
    await settle(1000);
    FakeSocket.last.hello();
    await settle();
    const [before, after] = [sentOn(socket), sentOn(FakeSocket.last)];
    expect(after.map(({ message }) => message)).toEqual(['one']);
    expect(after[0]!.client_id).toBe(before[0]!.client_id);
    await confirm(FakeSocket.last);
    expect(texts(FakeSocket.last)).toEqual(['one', 'two']);
  });

  test('one that arrived before the break is known by its copy, and not sent again', async () => {
    const { room, outbox, socket } = await openRoom();
    void room.say('one');
    await settle();
    const { client_id } = sentOn(socket)[0]!;
    socket.end();
    await settle(500);
    FakeSocket.last.hello({ seq: 1, resumed: true });
    FakeSocket.last.say(chat(1, { client_id }));
    await settle();
    expect(outbox.entries).toEqual([]);
  });

  test('somebody else\'s message with the same client_id confirms nothing', async () => {
    const { room, outbox, socket } = await openRoom();
    void room.say('one');
    await settle();
    socket.say(chat(1, { client_id: sentOn(socket)[0]!.client_id }, 2));
    await settle();
    expect(outbox.entries.length).toBe(1);
  });

  test('no answer: again', async () => {
    const { room, socket } = await openRoom();
    void room.say('one');
    await settle(12_500);
    expect(texts(socket)).toEqual(['one', 'one']);
  });
});

describe('refusals', () => {
  const fail = async (socket: FakeSocket, code: string) => {
    const frame = socket.sent.at(-1) as unknown as Sent;
    socket.say({ type: 'error', error: 'No.', code, ...(code !== 'RATE_LIMIT_EXCEEDED' && { client_id: frame.client_id }) });
    await settle();
  };

  test.each(['INVALID_MESSAGE', 'PERMISSION_DENIED', 'CHANNEL_NOT_FOUND', 'MESSAGE_TOO_LARGE'])(
    '%s: told, removed, the next goes on', async (code) => {
      const { room, outbox, socket } = await openRoom();
      const failures: OutboxFailure[] = [];
      outbox.on('failed', (failure) => failures.push(failure));
      void room.say('bad');
      void room.say('good');
      await settle();
      await fail(socket, code);
      expect(failures.map((failure) => [failure.code, failure.error, failure.entry.frame]))
        .toEqual([[code, 'No.', { type: 'chat_message', message: 'bad' }]]);
      expect(texts(socket)).toEqual(['bad', 'good']);
    });

  test('SERVICE_UNAVAILABLE: nothing was stored, again in a while', async () => {
    const { room, outbox, socket } = await openRoom();
    void room.say('one');
    void room.say('two');
    await settle();
    await fail(socket, 'SERVICE_UNAVAILABLE');
    expect(outbox.entries.length).toBe(2);
    await settle(2500);
    expect(texts(socket)).toEqual(['one', 'one']);
  });

  test('INTERNAL_ERROR again and again is told in the end', async () => {
    const { room, outbox, socket } = await openRoom();
    const failed = vi.fn();
    outbox.on('failed', failed);
    void room.say('one');
    await settle();
    for (let i = 0; i < 5; i++) {
      await fail(socket, 'INTERNAL_ERROR');
      await settle(2500);
    }
    expect(texts(socket).length).toBe(5);
    expect(failed).toHaveBeenCalledTimes(1);
  });

  test('RATE_LIMIT_EXCEEDED: later, and slower from then on', async () => {
    const { room, socket } = await openRoom();
    for (let i = 0; i < 12; i++) {
      void room.say(`${i}`);
    }
    await settle();
    for (let i = 0; i < 10; i++) {
      await confirm(socket);
    }
    expect(texts(socket).length).toBe(11);
    await fail(socket, 'RATE_LIMIT_EXCEEDED');
    expect(room.pacer.limit).toBe(10);
    await settle(2500);
    expect(texts(socket).length).toBe(11);
    await settle(61_000);
    expect(texts(socket).slice(10)).toEqual(['10', '10']);
  });

  test('a hundred at once stay below 60 a minute', async () => {
    const { room, outbox, socket } = await openRoom();
    for (let i = 0; i < 100; i++) {
      void room.say(`${i}`);
    }
    const start = Date.now();
    const times: number[] = [];
    while (outbox.entries.length > 0 && Date.now() - start < 400_000) {
      await settle(20);
      if (texts(socket).length > times.length) {
        times.push(Date.now());
        await confirm(socket);
      }
    }
    expect(texts(socket)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
    for (const [i, time] of times.entries()) {
      expect(times.filter((other) => other >= time && other < time + 60_000).length, `${i}`).toBeLessThanOrEqual(60);
    }
    expect(Date.now() - start).toBeLessThan(130_000);
  });
});

describe('edits and deletions', () => {
  test('are kept and confirmed by their own frames', async () => {
    const { room, outbox, socket } = await openRoom();
    void room.edit(5, 'new');
    void room.delete(6);
    await settle();
    const other = { type: 'edit_message', message_id: 5, new_content: 'x', channel_id: 7, user_id: 2, edited_at: '', seq: 3 };
    socket.say(other);
    await settle();
    expect(outbox.entries.length).toBe(2);
    socket.say({ ...other, user_id: 1 });
    await settle();
    expect(socket.sent.at(-1)).toMatchObject({ type: 'delete_message', message_id: 6 });
    socket.say({ type: 'delete_message', message_id: 6, channel_id: 7, user_id: 1, deleted_at: '', seq: 4 });
    await settle();
    expect(outbox.entries).toEqual([]);
  });

  test('a deletion of what is gone is done', async () => {
    const { room, outbox, socket } = await openRoom();
    const failed = vi.fn();
    outbox.on('failed', failed);
    void room.delete(6);
    await settle();
    socket.say({ type: 'error', error: '', code: 'INVALID_MESSAGE', client_id: (socket.sent[0] as unknown as Sent).client_id });
    await settle();
    expect(outbox.entries).toEqual([]);
    expect(failed).not.toHaveBeenCalled();
  });
});

describe('a reload', () => {
  test.each([['IndexedDB', true], ['localStorage', false]])('%s has it still', async (_name, isIndexed) => {
    vi.useRealTimers();                     // fake-indexeddb has timers of its own
    const of = browser({ indexedDB: isIndexed ? new IDBFactory() : undefined });
    const before = makeRoom({ of });
    await before.room.say('one', { replyTo: 3, attachments: [4] });
    await before.room.say('two');
    const after = makeRoom({ of });
    await after.outbox.read();
    expect(after.outbox.entries.map(({ frame }) => frame)).toEqual([
      { type: 'chat_message', message: 'one', reply_to: 3, attachments: [4] },
      { type: 'chat_message', message: 'two' },
    ]);
    const close = after.room.open();
    await vi.waitFor(() => expect(FakeSocket.all.length).toBe(1));
    FakeSocket.last.hello();
    for (const text of ['one', 'two']) {
      await vi.waitFor(() => expect(texts(FakeSocket.last).at(-1)).toBe(text));
      FakeSocket.last.say(chat(nextId++, { client_id: sentOn(FakeSocket.last).at(-1)!.client_id }));
    }
    await vi.waitFor(async () => expect((await (await of.store).all()).length).toBe(0));
    close();
  });

  test('a broken IndexedDB is no reason to lose it', async () => {
    const broken = { open: () => { throw new Error('blocked'); } } as unknown as IDBFactory;
    const storage = fakeStorage();
    await (await openStore(broken, storage)).put({
      key: '1', scope: '', room: '', client_id: '', frame: { type: 'chat_message', message: 'x' }, queued_at: 0,
    });
    expect(Object.keys(storage)).toEqual(['kibray:outbox:1']);
    const memory = await openStore(undefined, null);
    expect(await memory.all()).toEqual([]);
  });

  test('a look into a slow store loses nothing that is said meanwhile, and brings nothing back', async () => {
    const of = browser();
    const store = await of.store;
    const all = store.all.bind(store);
    store.all = async () => {
      const snapshot = await all();
      await new Promise((resolve) => setTimeout(resolve, 100));
      return snapshot;
    };
    const { room, outbox } = makeRoom({ of });
    await settle(200);
    const look = outbox.read();
    const entry = await room.say('meanwhile');
    await settle(300);
    await look;
    expect(outbox.entries.map(({ key }) => key)).toEqual([entry.key]);
    const again = outbox.read();
    await outbox.remove(entry);
    await settle(300);
    await again;
    expect(outbox.entries).toEqual([]);
  });

  test('a full store keeps it in this page', async () => {
    const of = browser();
    (await of.store).put = async () => { throw new Error('full'); };
    const { room, socket } = await openRoom({ of });
    void room.say('one');
    await settle();
    expect(texts(socket)).toEqual(['one']);
  });
});

describe.each([['Web Locks', true], ['a lease', false]])('two tabs, with %s', (_name, withLocks) => {
  test('send a queue once, in order', async () => {
    const of = browser({ withLocks });
    const writer = makeRoom({ of });
    for (let i = 0; i < 6; i++) {
      await writer.room.say(`${i}`);
    }
    const a = makeRoom({ of }), b = makeRoom({ of });
    a.room.open();
    b.room.open();
    await settle();
    const [one, two] = FakeSocket.all as [FakeSocket, FakeSocket];
    one.hello();
    two.hello();
    const all: string[] = [];
    for (let step = 0; step < 200; step++) {
      await settle(100);
      for (const [socket, other] of [[one, two], [two, one]] as const) {
        const fresh = sentOn(socket).filter(({ client_id }) => !all.some((known) => known.startsWith(client_id)));
        for (const { client_id, message } of fresh) {
          all.push(`${client_id} ${message}`);
          socket.say(chat(nextId, { client_id }));
          other.say(chat(nextId++, { client_id }));
        }
      }
      if (step === 20) {
        one.end();                          // who sends goes away in the middle; the other goes on
      }
    }
    expect(all.map((line) => line.split(' ')[1])).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(sentOn(one).length + sentOn(two).length).toBe(6);
    expect((await (await of.store).all()).length).toBe(0);
  });

  test('what the one cannot send, the other does', async () => {
    const of = browser({ withLocks });
    const a = await openRoom({ of });
    void a.room.say('one');
    await settle(100);
    expect(texts(a.socket)).toEqual(['one']);
    const b = await openRoom({ of });
    a.socket.end();
    a.close();                              // and its tab is closed, too
    await settle(15_000);
    b.socket.readyState = 1;
    void b.room.say('two');
    await settle(1000);
    expect(texts(b.socket)[0]).toBe('one');
    expect(sentOn(b.socket)[0]!.client_id).toBe(sentOn(a.socket)[0]!.client_id);
  });
});
