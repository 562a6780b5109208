// SPDX-License-Identifier: MIT
// A thousand notifications and two hundred pushes, while a gateway, a broker, Redis and PostgreSQL
// are killed one after the other: all are stored, shown and pushed, none is shown twice.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './lib/client.mjs';
import { PushServices } from './lib/push_services.mjs';
import { start, until } from './lib/system.mjs';

const SHOWN = 1000;
const PUSHED = 200;
const EVERY = 5;                       // each fifth post also tells somebody who is away
const AWAY_MS = 10_000;                // PostgreSQL

let system, services, listeners = [];
before(async () => {
  services = await PushServices.start();
  system = await start({
    gateways: 2, brokers: 2,
    env: { ...services.environment, PUSH_ALLOW_PRIVATE_ENDPOINTS: '1', PUSH_DELAY: '1', PUSH_RETRY_MS: '100' },
  });
});
after(async () => {
  await Promise.all(listeners.map((listener) => listener.stop()));
  await system?.stop();
  await services?.stop();
});

/** Somebody who always has a socket, or is about to have one again. */
class Listener {
  connections = [];
  #isDone = false;

  constructor(gateways) {
    this.gateways = gateways;
    this.run();
  }

  async run() {
    for (let i = 0; !this.#isDone; i++) {
      try {
        const client = await Client.open(system, '/ws/notifications/', { user: 'alice', gateway: this.gateways[i % this.gateways.length] });
        this.connections.push(client);
        await client.closed;
      } catch {
        await sleep(100);
      }
    }
  }

  /** As the newest connection was told last. */
  get count() {
    return this.connections.at(-1)?.frames.filter((frame) => frame.type === 'unread_count').at(-1)?.count;
  }

  async stop() {
    this.#isDone = true;
    await Promise.all(this.connections.map((client) => client.close()));
  }
}

/** Posts until it is accepted; a notification that was perhaps accepted before is no other one. */
async function post(userIds, title) {
  await until(async () => {
    try {
      await system.redis('XADD', 'kb:notify', '*', 'user_ids', userIds.join(','), 'title', title, 'message', 'm', 'category', 'ops');
      return true;
    } catch {
      return false;
    }
  }, 60_000, title);
}

async function disturb() {
  const steps = [['gateway2', 500], ['broker', 1000], ['redis', 1000], ['postgres', AWAY_MS], ['broker2', 1000]];
  for (const [part, awayMs] of steps) {
    await sleep(1500);
    await system.kill(part);
    await sleep(awayMs);
    await system.start(part);
  }
  for (const part of ['gateway', 'gateway2', 'broker', 'broker2']) {
    await system.ready(part);
  }
}

test('all are stored and pushed; every socket sees each once, in order', async () => {
  const alice = system.user('alice').id, bob = system.user('bob').id;
  const token = 'a-device-of-bob';
  const registered = await system.http('/api/notifications/devices/', {
    body: { token, device_type: 'android' }, headers: { Authorization: `Bearer ${await system.token('bob')}` },
  });
  assert.equal(registered.status, 201, JSON.stringify(registered.body));
  listeners = [new Listener([0]), new Listener([1, 0])];
  await until(() => listeners.every((listener) => listener.connections.length > 0));

  const disturbed = disturb();
  for (let i = 0; i < SHOWN; i++) {
    await post(i % EVERY ? [alice] : [alice, bob], `n${i}`);
    await sleep(10);
  }
  await disturbed;
  await until(async () => (await system.redis('XLEN', 'kb:notify')) === '0', 60_000, 'all handed on');
  await until(async () => (await system.sql('SELECT id FROM push_job')).length === 0, 60_000, 'all pushed');
  // Whoever was cut off last comes back and is told how much there is.
  await until(() => listeners.every((listener) => listener.count === SHOWN), 60_000, 'the count on every socket');

  const stored = async (id) => (await system.sql(`SELECT title FROM notification WHERE user_id = ${id} ORDER BY id`))
    .map((row) => row.title);
  const all = Array.from({ length: SHOWN }, (_, i) => `n${i}`);
  assert.deepEqual(await stored(alice), all);
  assert.deepEqual(await stored(bob), all.filter((_, i) => i % EVERY === 0));

  for (const listener of listeners) {
    for (const client of listener.connections) {
      const titles = client.frames.filter((f) => f.type === 'notification').map((f) => f.notification.title);
      const first = client.hello.unread_count;
      assert.deepEqual(titles, all.slice(first, first + titles.length), 'without a gap, none twice, in order');
    }
  }

  const mine = services.messages.filter(({ message }) => message.token === token).map(({ message }) => message);
  const titles = new Set(mine.map((message) => message.notification.title));
  assert.equal(titles.size, PUSHED, 'each at least once');
  const keys = new Map(mine.map((message) => [message.android.collapse_key, message.notification.title]));
  assert.equal(keys.size, PUSHED, 'by collapse key exactly once');
});
