// SPDX-License-Identifier: MIT
// Rooms over fake sockets; several with one browser are several tabs.
import { lockBy } from '../src/locks.js';
import { Outbox } from '../src/outbox.js';
import { openStore, type OutboxStore } from '../src/outbox_store.js';
import { Room } from '../src/room.js';
import { Session } from '../src/session.js';
import { FakeSocket, fakeLocks, fakeStorage, seconds, settle, socketClass, token } from './fakes.js';

export interface Browser { storage: Storage; store: Promise<OutboxStore>; locks: LockManager | undefined }

export function browser({ withLocks = true, indexedDB = undefined as IDBFactory | undefined } = {}): Browser {
  const storage = fakeStorage();
  return { storage, store: openStore(indexedDB, storage), locks: withLocks ? fakeLocks() : undefined };
}

export function makeRoom({ rateLimit = 60, of = browser(), key = 'general' } = {}) {
  const session = new Session('session', of.storage, async () => null);
  session.set(token({ iat: seconds(), exp: seconds() + 360_000, user_id: 1 }), 'r');
  const outbox = new Outbox(of.store, () => 'h 1');
  const room = new Room(key, {
    session, outbox, rateLimit, WebSocket: socketClass, random: () => 0.5, storage: of.storage,
    socketUrl: (path) => `ws://h/p/ws/${path}`, withLock: lockBy(of.locks, of.storage),
  });
  return { room, outbox, of };
}

export async function openRoom(options?: Parameters<typeof makeRoom>[0]) {
  const made = makeRoom(options);
  const close = made.room.open();
  await settle();
  const socket = FakeSocket.last;
  socket.hello();
  await settle();
  return { ...made, close, socket };
}
