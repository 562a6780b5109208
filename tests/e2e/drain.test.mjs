// SPDX-License-Identifier: MIT
// A gateway with very many sockets is asked to end while people write: every socket moves to the
// other gateway and has every message, once and in order. KIBRAY_DRAIN_SOCKETS makes it larger.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Returner, Sender } from './lib/steady.mjs';
import { start, until } from './lib/system.mjs';

const SOCKETS = Number(process.env.KIBRAY_DRAIN_SOCKETS ?? 600);
const ROOMS = 20;
const AT_ONCE = 50;                     // handshakes under way
const DRAIN_SECONDS = 10;
const USERS = ['alice', 'bob', 'carol', 'admin'];
const PAUSE_MS = 250;                   // between two messages of a room

let system, rooms;

before(async () => {
  system = await start({ gateways: 2, brokers: 2, env: { CONNECTIONS_PER_ADDRESS: '0', CONNECTIONS_PER_USER: '0',
    DRAIN_SECONDS: `${DRAIN_SECONDS}`, WEBSOCKET_RATE_LIMIT: '0' } });
  await system.sqlExec(`INSERT INTO chat_channel (name) SELECT 'drain-' || i FROM generate_series(1, ${ROOMS}) i`);
  rooms = Array.from({ length: ROOMS }, (_, i) => `drain-${i + 1}`);
});
after(() => system.stop());

test('all sockets of a gateway that ends move on without losing a message', { timeout: 180_000 }, async (t) => {
  const onFirst = { info: { ...system.info, urls: [system.info.urls[0]] } };
  const returners = [];
  for (let i = 0; i < SOCKETS; i += AT_ONCE) {
    const part = Array.from({ length: Math.min(AT_ONCE, SOCKETS - i) }, (_, k) => {
      const place = { info: onFirst.info, token: (user) => system.token(user) };
      return Object.assign(new Returner(place, rooms[(i + k) % ROOMS], USERS[(i + k) % USERS.length]), { place });
    });
    await until(() => part.every((r) => r.isConnected), 30_000, `${i + part.length} sockets`);
    returners.push(...part);
  }
  // From now on both gateways are known.
  for (const { place } of returners) {
    place.info = system.info;
  }

  const senders = rooms.map((room, i) => new Sender(system, room, USERS[i % USERS.length], room));
  for (const sender of senders) {
    sender.system = { info: { ...system.info, urls: [system.info.urls[1]] }, token: (user) => system.token(user) };
  }
  let isOver = false;
  const work = senders.map(async (sender) => {
    for (let number = 0; !isOver; number++) {
      await sender.send(number);
      await delay(PAUSE_MS);
    }
  });
  await until(() => senders.every(({ acknowledged }) => acknowledged.size >= 4), 30_000, 'messages before');

  const begun = Date.now();
  await system.terminate('gateway');
  const tookMs = Date.now() - begun;
  await until(() => returners.every((r) => r.isConnected), 30_000, 'all to be back');
  isOver = true;
  await Promise.all(work);

  const last = new Map(rooms.map((room, i) => [room, Math.max(...[...senders[i].acknowledged.values()].map(({ seq }) => seq))]));
  await until(() => returners.every((r) => r.lastSeq >= last.get(r.room)), 30_000, 'the last message everywhere');
  await Promise.all(returners.map((r) => r.stop()));
  await Promise.all(senders.map((s) => s.stop()));

  let received = 0;
  for (const { room, frames, first, isWhole } of returners) {
    assert.ok(isWhole, `${room}: an answer said that not all could be brought`);
    const expected = Array.from({ length: last.get(room) - first }, (_, i) => first + 1 + i);
    assert.deepEqual(frames.map(({ seq }) => seq), expected, room);
    received += frames.length;
  }
  t.diagnostic(`${SOCKETS} sockets moved, the gateway had gone after ${tookMs} ms, ${received} messages received, none missing`);
});
