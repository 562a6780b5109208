// SPDX-License-Identifier: MIT
// /ws/status/: who is online, what they chose, and when they are gone; two gateways, two brokers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './lib/client.mjs';
import { start, until } from './lib/system.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const GRACE_MS = 5000;          // PRESENCE_GRACE

let system;
before(async () => {
  system = await start({ gateways: 2, brokers: 2, env: { USER_RATE_LIMIT: '0' } });
});
after(() => system.stop());

const id = (user) => system.user(user).id;
const open = (user, gateway = 0) => Client.open(system, '/ws/status/', { user, gateway });
const openAt = (user, gateway) => system.at(gateway, () => open(user, gateway));
const statusOf = (user, status) => (frame) => frame.type === 'user_status'
  && frame.user_id === id(user) && (status === undefined || frame.status === status);
const stored = async (user) => (await system.sql(
  `SELECT shown AS status FROM user_presence WHERE user_id = ${id(user)}`))[0]?.status;

/** Sockets that are closed at the end, so that the next test begins with nobody online. */
async function withStatus(users, body, openOne = open) {
  const clients = [];
  for (const [i, user] of users.entries()) {
    clients.push(await openOne(user, i % 2));
  }
  try {
    return await body(...clients);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await until(async () => (await system.sql(
      "SELECT user_id FROM user_presence WHERE shown <> 'offline'")).length === 0);
  }
}

describe('first frames', () => {
  test('online_users, then a user_status for each', () => withStatus(['alice'], async (a) => {
    assert.deepEqual(a.hello, {
      type: 'connection_established', endpoint: 'status', user_id: id('alice'), username: 'alice',
      online_users: [],
    });
    await a.next(statusOf('alice', 'online'));
    const b = await open('bob', 1);
    const [listed] = b.hello.online_users;
    assert.deepEqual({ ...listed, last_seen: '' },
      { user_id: id('alice'), username: 'alice', status: 'online', last_seen: '' });
    assert.match(listed.last_seen, TIMESTAMP);
    assert.deepEqual(await b.next(), { type: 'user_status', ...listed });
    const told = await a.next(statusOf('bob'));
    assert.deepEqual(Object.keys(told).sort(), ['last_seen', 'status', 'type', 'user_id', 'username']);
    assert.equal(told.status, 'online');
    await b.close();
  }));
});

describe('status_update', () => {
  test('everybody is told, the one who said it, too; it is stored', () => withStatus(['alice', 'bob'], async (a, b) => {
    for (const status of ['away', 'busy', 'online', 'offline']) {
      a.send({ type: 'status_update', status });
      const [atA, atB] = [await a.next(statusOf('alice', status)), await b.next(statusOf('alice', status))];
      assert.deepEqual(atA, atB);
      await until(async () => await stored('alice') === status);
    }
  }));

  test('what is said again is told again', () => withStatus(['alice', 'bob'], async (a, b) => {
    await b.next(statusOf('alice', 'online'));
    a.send({ type: 'status_update', status: 'online' });
    await a.next(statusOf('alice', 'online'));
    await b.next(statusOf('alice', 'online'));
  }));

  test('the last word of any socket counts', () => withStatus(['alice', 'alice', 'bob'], async (one, two, b) => {
    one.send({ type: 'status_update', status: 'busy' });
    await b.next(statusOf('alice', 'busy'));
    two.send({ type: 'status_update', status: 'away' });
    await b.next(statusOf('alice', 'away'));
  }));

  test('appear offline: not in the list, back when said so', () => withStatus(['alice', 'bob'], async (a, b) => {
    a.send({ type: 'status_update', status: 'offline' });
    await b.next(statusOf('alice', 'offline'));
    const late = await open('admin');
    assert.ok(!late.hello.online_users.some((user) => user.user_id === id('alice')));
    a.send({ type: 'status_update', status: 'online' });
    await late.next(statusOf('alice', 'online'));
    await late.close();
  }));

  test('many changes in one breath: the last one is told', () => withStatus(['alice', 'bob'], async (a, b) => {
    for (let i = 0; i < 20; i++) {
      a.send({ type: 'status_update', status: i % 2 ? 'away' : 'busy' });
    }
    await until(async () => await stored('alice') === 'away');
    await until(() => b.frames.filter(statusOf('alice')).at(-1).status === 'away');
    assert.ok(b.frames.filter(statusOf('alice')).length < 20, 'net changes only');
  }));

  test('what is no status is refused, and nothing else changes', () => withStatus(['alice'], async (a) => {
    await a.next(statusOf('alice', 'online'));
    for (const status of ['Away', '', 'invisible', 7, null, undefined]) {
      a.send({ type: 'status_update', status });
      assert.equal((await a.next('error')).code, 'INVALID_MESSAGE');
    }
    for (const type of ['chat_message', 'mark_all_read', 'dismiss', 'batch_update']) {
      a.send({ type, message: 'x', notification_id: 1, updates: [{}] });
      assert.equal((await a.next('error')).code, 'INVALID_MESSAGE');
    }
    assert.equal(await stored('alice'), 'online');
    a.send({ type: 'ping' });
    await a.next('pong');
  }));
});

describe('going', () => {
  test('a close frame: offline at once', () => withStatus(['alice', 'bob'], async (a, b) => {
    await a.next(statusOf('alice', 'online'));
    const before = Date.now();
    await a.close();
    await b.next(statusOf('alice', 'offline'));
    assert.ok(Date.now() - before < GRACE_MS, 'the grace is for those who were cut off');
  }));

  test('cut off and back within the grace: nobody hears of it', () => withStatus(['alice', 'bob'], async (a, b) => {
    await b.next(statusOf('alice', 'online'));
    a.socket.terminate();
    await a.closed;
    await sleep(GRACE_MS / 3);              // long enough to be seen, had there been no grace
    const again = await open('alice', 1);
    await sleep(GRACE_MS + 1500);
    assert.equal(b.frames.filter(statusOf('alice', 'offline')).length, 0);
    await again.close();
    await b.next(statusOf('alice', 'offline'));
  }));

  test('cut off: offline after the grace', () => withStatus(['alice', 'bob'], async (a, b) => {
    await b.next(statusOf('alice', 'online'));
    a.socket.terminate();
    await b.next(statusOf('alice', 'offline'));
  }));

  test('what was chosen ends with the last socket', () => withStatus(['alice', 'bob'], async (a, b) => {
    a.send({ type: 'status_update', status: 'busy' });
    await b.next(statusOf('alice', 'busy'));
    await a.close();
    await b.next(statusOf('alice', 'offline'));
    const again = await open('alice');
    assert.equal((await b.next(statusOf('alice'))).status, 'online');
    await again.close();
  }));
});

describe('typing in a channel from the status socket', () => {
  test('shown in the room to the others', () => withStatus(['alice'], async (a) => {
    const b = await Client.chat(system, 'general', { user: 'bob', gateway: 1 });
    a.send({ type: 'typing', is_typing: true, channel_id: system.channel('general').id });
    const shown = await b.next('typing');
    assert.equal(shown.user_id, id('alice'));
    assert.equal(shown.is_typing, true);
    a.send({ type: 'typing', is_typing: false, channel_id: system.channel('general').id });
    await b.next((frame) => frame.type === 'typing' && frame.is_typing === false);
    await b.close();
  }));

  test('off when the socket is gone, by a close frame or without', () => withStatus(['alice', 'alice'], async (...sockets) => {
    const b = await Client.chat(system, 'general', { user: 'bob', gateway: 1 });
    for (const [i, a] of sockets.entries()) {
      a.send({ type: 'typing', is_typing: true, channel_id: system.channel('general').id });
      await b.next((frame) => frame.type === 'typing' && frame.is_typing);
      const before = Date.now();
      if (i === 0) {
        a.socket.terminate();
      } else {
        await a.close();
      }
      await b.next((frame) => frame.type === 'typing' && !frame.is_typing);
      assert.ok(Date.now() - before < 3000, 'not only by time');
    }
    assert.equal(b.frames.filter((frame) => frame.type === 'user_left').length, 0, 'it was not in the room');
    await b.close();
  }));

  test('only for channels that one may enter', () => withStatus(['bob'], async (b) => {
    b.send({ type: 'typing', is_typing: true });
    assert.equal((await b.next('error')).code, 'INVALID_MESSAGE');
    b.send({ type: 'typing', is_typing: true, channel_id: 999_999 });
    assert.equal((await b.next('error')).code, 'CHANNEL_NOT_FOUND');
    await system.addChannel('closed-room', '--private');
    const [{ id: closed }] = await system.sql("SELECT id FROM chat_channel WHERE name = 'closed-room'");
    b.send({ type: 'typing', is_typing: true, channel_id: closed });
    assert.equal((await b.next('error')).code, 'PERMISSION_DENIED');
  }));
});

describe('deaths', () => {
  test('a gateway dies: its people are offline within 30 s', () => withStatus(['bob'], async (b) => {
    const a = await openAt('alice', 1);
    await b.next(statusOf('alice', 'online'));
    await system.kill('gateway2');
    await a.closed;
    await b.next(statusOf('alice', 'offline'), 30_000);
    await system.start('gateway2');
    await system.ready('gateway2');
  }, openAt));

  test('who appears offline still does when brokers die', () => withStatus(['alice', 'bob'], async (a, b) => {
    a.send({ type: 'status_update', status: 'offline' });
    await b.next(statusOf('alice', 'offline'));
    for (const part of ['broker', 'broker2']) {
      await system.kill(part);
      b.send({ type: 'status_update', status: 'busy' });
      await b.next(statusOf('bob', 'busy'), 30_000);
      await system.start(part);
      await system.ready(part);
    }
    await sleep(1000);
    assert.equal(b.frames.filter(statusOf('alice')).at(-1).status, 'offline');
    a.send({ type: 'status_update', status: 'away' });
    await b.next(statusOf('alice', 'away'));
  }));

  test('a gateway and all brokers die at once: its people are offline', () => withStatus(['bob'], async (b) => {
    const a = await openAt('alice', 1);
    await b.next(statusOf('alice', 'online'));
    await Promise.all(['gateway2', 'broker', 'broker2'].map((part) => system.kill(part)));
    await a.closed;
    for (const part of ['broker', 'broker2', 'gateway2']) {
      await system.start(part);
    }
    await b.next(statusOf('alice', 'offline'), 40_000);
    await system.ready('gateway2');
  }, openAt));

  test('each broker dies in turn: who is there stays so, changes are told', () => withStatus(['alice', 'bob'], async (a, b) => {
    await b.next(statusOf('alice', 'online'));
    for (const part of ['broker', 'broker2']) {
      await system.kill(part);
      a.send({ type: 'status_update', status: part === 'broker' ? 'busy' : 'away' });
      await b.next(statusOf('alice', part === 'broker' ? 'busy' : 'away'), 30_000);
      await system.start(part);
      await system.ready(part);
    }
    assert.equal(b.frames.filter(statusOf('alice', 'offline')).length, 0);
    const late = await open('admin');
    assert.ok(late.hello.online_users.some((user) => user.user_id === id('alice') && user.status === 'away'));
    await late.close();
  }));
});
