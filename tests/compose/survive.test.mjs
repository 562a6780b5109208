// SPDX-License-Identifier: MIT
// The system of compose.yaml, through nginx and TLS: two people chat on different gateways; then a
// container of each kind is killed in turn while messages are sent. What was acknowledged is stored
// exactly once and in order, and reaches whoever comes back with since=.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '../e2e/lib/client.mjs';
import { Returner, Sender } from '../e2e/lib/steady.mjs';
import { start, until } from '../e2e/lib/system.mjs';

const ROOMS = ['general', 'random'];
const SENDERS = 6;
const PAUSE_MS = 10;                // between two messages of a sender
const AFTERWARDS = 10;              // messages of each sender once the part is back
const PHASES = ['gateway', 'broker', 'redis', 'postgres', 'nginx'];
const PHASE_MS = 180_000;

let system;
const senders = [];
const returners = [];

before(async () => {
  system = await start({
    gateways: 2, brokers: 2, env: { WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0', CONNECTIONS_PER_USER: '0' },
  });
  console.log(`# from "up" to the first login: ${(system.startMs / 1000).toFixed(1)} s`);
});

after(async () => {
  await Promise.all([...senders, ...returners].map((client) => client.stop()));
  await system?.stop();
});

const socketsOf = (gateway) => system.metric(gateway, 'websocket_connections');

/** Open sockets until the gateway has one more: nginx chooses. */
async function connectTo(gateway, user) {
  for (let tries = 0; tries < 50; tries++) {
    const sockets = await socketsOf(gateway);
    const client = await Client.chat(system, 'general', { user });
    if (await socketsOf(gateway) > sockets) {
      return client;
    }
    await client.close();
  }
  throw new Error(`nginx gave ${gateway} no socket`);
}

test('two people on different gateways see each other', async () => {
  const alice = await connectTo('gateway', 'alice');
  const bob = await connectTo('gateway2', 'bob');
  const sent = await alice.say('Good morning, Bob');
  const got = await bob.next((frame) => frame.type === 'chat_message' && frame.message.id === sent.message.id);
  assert.equal(got.message.content, 'Good morning, Bob');
  await bob.say('Good morning, Alice');
  const back = await alice.next((frame) => frame.type === 'chat_message' && frame.message.content === 'Good morning, Alice');
  assert.equal(back.seq, sent.seq + 1);
  await Promise.all([alice.close(), bob.close()]);
});

test('metrics and health are not shown to the outside', async () => {
  for (const path of ['/metrics', '/healthz', '/readyz']) {
    assert.equal((await system.http(path)).status, 404, path);
  }
});

const acknowledgedCount = () => senders.reduce((sum, sender) => sum + sender.acknowledged.size, 0);
let sentCount = 0;

/** All send without a pause to speak of, from before the part is killed until it is back. */
async function phase(part) {
  const already = acknowledgedCount();
  let [isBack, longest, last] = [false, 0, Date.now()];
  const sending = senders.map(async (sender) => {
    for (let afterwards = 0; afterwards < AFTERWARDS; afterwards += isBack ? 1 : 0) {
      await sender.send(sentCount++);
      longest = Math.max(longest, Date.now() - last);
      last = Date.now();
      await delay(PAUSE_MS);
    }
  });
  await until(() => acknowledgedCount() > already + SENDERS, PHASE_MS, 'traffic');
  await system.kill(part);
  await system.start(part);
  await system.ready(part);
  isBack = true;
  await Promise.all(sending);
  console.log(`# ${part}: ${acknowledgedCount() - already} messages, the longest silence ${longest} ms`);
}

test('senders and receivers are there', async () => {
  for (let i = 0; i < SENDERS; i++) {
    senders.push(new Sender(system, ROOMS[i % ROOMS.length], ['alice', 'bob', 'carol'][i % 3], `sender${i}`));
  }
  returners.push(...ROOMS.map((room) => new Returner(system, room, 'admin')));
  await until(() => returners.every((returner) => returner.isConnected), 30_000, 'receivers');
});

for (const part of PHASES) {
  test(`messages go on while ${part} is killed and started again`, { timeout: PHASE_MS }, async () => {
    await phase(part);
    assert.equal(acknowledgedCount(), sentCount);
  });
}

test('parts that were started again take part again', { timeout: PHASE_MS }, async () => {
  await Promise.all(['gateway', 'broker'].map((part) => system.ready(part)));
  const client = await connectTo('gateway', 'alice');
  await client.ping();
  await client.close();
});

test('every acknowledged message is stored exactly once, as it was acknowledged', async () => {
  const rows = await system.sql(`SELECT id, seq, content, client_id FROM chat_message WHERE client_id LIKE 'sender%'`);
  const byClientId = new Map(rows.map((row) => [row.client_id, row]));
  assert.equal(rows.length, sentCount);
  for (const [clientId, frame] of senders.flatMap((sender) => [...sender.acknowledged])) {
    const row = byClientId.get(clientId);
    assert.ok(row, `${clientId} was acknowledged and is not stored`);
    assert.deepEqual([row.id, row.seq, row.content], [frame.message.id, frame.seq, frame.message.content]);
  }
});

test('whoever came back with since= has everything exactly once, in one order', async () => {
  for (const returner of returners) {
    const rows = await system.sql(`SELECT m.seq, m.id, m.content FROM chat_message m JOIN chat_channel c ON c.id = m.channel_id
      WHERE c.name = '${returner.room}' ORDER BY seq`);
    await until(() => returner.isConnected && returner.lastSeq >= rows.length, 60_000, 'returned');
    await returner.stop();
    assert.ok(returner.isWhole);
    assert.deepEqual(returner.frames.map((frame) => [frame.seq, frame.message.id, frame.message.content]),
      rows.slice(returner.first).map((row) => [row.seq, row.id, row.content]), returner.room);
  }
});
