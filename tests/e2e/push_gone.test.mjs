// SPDX-License-Identifier: MIT
// What a last socket was told, and perhaps never had, is pushed: its gateway died, or it broke.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './lib/client.mjs';
import { PushServices } from './lib/push_services.mjs';
import { start, until } from './lib/system.mjs';

const PUSH_DELAY_S = 3;
const DEAD_MS = 40_000;          // a dead gateway is noticed within 30 s
const KEY = 'a-service-key-of-this-test-only-0123456789';

let system, services;
before(async () => {
  services = await PushServices.start();
  system = await start({
    gateways: 2, brokers: 2,
    env: {
      ...services.environment, PUSH_ALLOW_PRIVATE_ENDPOINTS: '1', PUSH_DELAY: `${PUSH_DELAY_S}`, PUSH_RETRY_MS: '100',
      SERVICE_KEY: KEY,
    },
  });
});
after(async () => {
  await system?.stop();
  await services?.stop();
});

let people = 0;
/** Somebody new with a device: { name, id, token }. */
async function withDevice() {
  const name = `gone${++people}`;
  await system.addUser(name);
  const [{ id }] = await system.sql(`SELECT id FROM auth_user WHERE username = '${name}'`);
  const token = `device-of-${name}`;
  const answer = await system.http('/api/notifications/devices/', {
    body: { token, device_type: 'android' }, headers: { Authorization: `Bearer ${await system.token(name)}` },
  });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return { name, id, token };
}

async function notify(user, title) {
  const answer = await system.http('/api/notifications/', {
    body: { user_ids: [user.id], title, message: 'm', category: 'ops' }, headers: { Authorization: `Api-Key ${KEY}` },
  });
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
}

const open = (user, gateway) => Client.open(system, '/ws/notifications/', { user: user.name, gateway });
const titled = (title) => (frame) => frame.type === 'notification' && frame.notification.title === title;
const sentTo = ({ token }) => services.messages.filter(({ message }) => message.token === token)
  .map(({ message }) => message);
const titlesTo = (user) => sentTo(user).map((message) => message.notification.title).sort();
const stored = (user, count) => until(async () => (await system.sql(
  `SELECT id FROM notification WHERE user_id = ${user.id}`)).length === count, 15_000, 'stored');

test('the gateway died: what was told before and since is pushed, once', async () => {
  const [user, other] = [await withDevice(), await withDevice()];
  const client = await open(user, 1);
  const [dying, living] = [await open(other, 1), await open(other, 0)];
  await notify(user, 'shown');
  await client.next(titled('shown'));
  await system.kill('gateway2');
  await Promise.all([client.closed, dying.closed]);
  await notify(user, 'to nobody');
  await notify(other, 'to the other one');
  await living.next(titled('to the other one'));
  await stored(user, 2);
  assert.deepEqual(await system.sql(`SELECT id FROM push_job WHERE user_id = ${user.id}`), []);
  await until(() => sentTo(user).length >= 2, DEAD_MS, 'pushes');
  await sleep(PUSH_DELAY_S * 1000 + 2000);
  assert.deepEqual(titlesTo(user), ['shown', 'to nobody']);
  assert.equal(new Set(sentTo(user).map((message) => message.android.collapse_key)).size, 2);
  assert.deepEqual(titlesTo(other), [], 'a socket at another gateway has it');
  await living.close();
  await system.start('gateway2');
  await system.ready('gateway2');
});

test('a socket that breaks: pushed, unless it is back in time', async () => {
  const [user, back, closing] = [await withDevice(), await withDevice(), await withDevice()];
  const clients = await Promise.all([open(user, 0), open(back, 0), open(closing, 0)]);
  for (const [i, person] of [user, back, closing].entries()) {
    await notify(person, 'perhaps');
    await clients[i].next(titled('perhaps'));
  }
  clients[0].socket.terminate();
  clients[1].socket.terminate();
  await clients[2].close();
  const again = await open(back, 1);
  await until(() => sentTo(user).length > 0, 20_000, 'the push');
  await sleep(PUSH_DELAY_S * 1000);
  assert.deepEqual(titlesTo(user), ['perhaps']);
  assert.deepEqual(titlesTo(back), []);
  assert.deepEqual(titlesTo(closing), [], 'a close frame came: it was there until then');
  await again.close();
});
