// SPDX-License-Identifier: MIT
// /ws/notifications/, POST /api/notifications/ and the stream behind it, and what chats tell to
// people who are elsewhere; two gateways, two brokers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { start, until } from './lib/system.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const SERVICE_KEY = 'a-key-between-services';
const PARTS = ['broker', 'broker2'];

let system;
before(async () => {
  system = await start({ gateways: 2, brokers: 2, env: { USER_RATE_LIMIT: '0', SERVICE_KEY } });
  await system.addChannel('team', '--private');
  for (const name of ['alice', 'bob']) {
    await system.sqlExec(`INSERT INTO chat_membership (channel_id, user_id)
      SELECT c.id, u.id FROM chat_channel c, auth_user u WHERE c.name = 'team' AND u.username = '${name}'`);
  }
});
after(() => system.stop());

const id = (user) => system.user(user).id;
const open = (user, gateway = 0) => Client.open(system, '/ws/notifications/', { user, gateway });
const one = async (query) => (await system.sql(query))[0];
const post = (body, headers = { Authorization: `Api-Key ${SERVICE_KEY}` }) =>
  system.http('/api/notifications/', { body, headers });
const unread = async (user) => (await one(
  `SELECT count(*)::int AS n FROM notification WHERE user_id = ${id(user)} AND status = 'unread'`)).n;

/** Sockets of people who have nothing unread. */
async function withSockets(users, body) {
  await system.sqlExec("UPDATE notification SET status = 'read'");
  await system.sqlExec('UPDATE notification_state SET unread = 0');
  const clients = [];
  for (const [i, user] of users.entries()) {
    clients.push(await open(user, i % 2));
    await clients.at(-1).next('unread_count');
  }
  try {
    return await body(...clients);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function notify(client, user, title = 'New Task Assigned') {
  const answer = await post({ user_ids: [id(user)], title, message: 'It is yours.', category: 'task', url: '/tasks/123' });
  assert.deepEqual([answer.status, answer.body], [202, { accepted: 1 }]);
  const { notification } = await client.next((f) => f.type === 'notification' && f.notification.title === title);
  const { count } = await client.next('unread_count');
  return { ...notification, count };
}

describe('the first frames', () => {
  test('how much is unread, twice', () => withSockets([], async () => {
    await post({ user_ids: [id('alice')], title: 'one', message: 'm' });
    await until(async () => await unread('alice') === 1);
    const a = await open('alice');
    assert.deepEqual(a.hello, {
      type: 'connection_established', endpoint: 'notifications', user_id: id('alice'), username: 'alice', unread_count: 1,
    });
    assert.deepEqual(await a.next(), { type: 'unread_count', count: 1 });
    await a.close();
  }));

  test('the last slash may be missing; nobody comes in without a credential', async () => {
    const a = await Client.open(system, '/ws/notifications', { user: 'alice' });
    await a.close();
    await assert.rejects(Client.open(system, '/ws/notifications/', { token: 'x' }), /AUTHENTICATION_FAILED/);
  });
});

describe('POST /api/notifications/', () => {
  test('reaches every socket of the person, nobody else', () => withSockets(['alice', 'alice', 'bob'], async (a, b, other) => {
    const told = await notify(a, 'alice');
    assert.deepEqual({ ...told, id: 0, created_at: '' }, {
      id: 0, title: 'New Task Assigned', message: 'It is yours.', category: 'task', url: '/tasks/123', created_at: '', count: 1,
    });
    assert.match(told.created_at, TIMESTAMP);
    const atB = await b.next('notification');
    assert.equal(atB.notification.id, told.id);
    assert.deepEqual(Object.keys(atB).sort(), ['notification', 'type']);
    other.send({ type: 'ping' });
    await other.next('pong');
    assert.equal(other.frames.filter((f) => f.type === 'notification').length, 0);
    assert.equal((await one(`SELECT title FROM notification WHERE id = ${told.id}`)).title, told.title);
  }));

  test('many people, each once; those who are nobody are passed over', () => withSockets(['alice', 'bob'], async (a, b) => {
    const answer = await post({ user_ids: [id('alice'), id('bob'), id('bob'), 999_999], title: 'All', message: '' });
    assert.deepEqual([answer.status, answer.body], [400, {
      detail: 'Some values of the request are not valid.', code: 'invalid', message: ['This field may not be blank.'],
    }]);
    const good = await post({ user_ids: [id('alice'), id('bob'), id('bob'), 999_999], title: 'All', message: 'hands' });
    assert.deepEqual([good.status, good.body], [202, { accepted: 3 }]);
    for (const client of [a, b]) {
      const { notification } = await client.next('notification');
      assert.equal(notification.category, 'general');
      assert.equal(notification.url, '');
    }
    assert.equal(await unread('bob'), 1);
  }));

  test('texts are sanitised', () => withSockets(['alice'], async (a) => {
    await post({ user_ids: [id('alice')], title: 'a<script>x</script>b', message: 'javascript:<b>' });
    const { notification } = await a.next('notification');
    assert.equal(notification.title, 'ab');
    assert.equal(notification.message, '<\u200bb>');
  }));

  test('refused, and nothing is told', () => withSockets(['alice'], async (a) => {
    const good = { user_ids: [id('alice')], title: 't', message: 'm' };
    for (const headers of [{}, { Authorization: 'Api-Key x' }, { Authorization: `Bearer ${SERVICE_KEY}` },
      { Authorization: `Bearer ${await system.token('admin')}` }]) {
      assert.equal((await post(good, headers)).status, 401);
    }
    for (const [field, value] of [['user_ids', []], ['user_ids', 'x'], ['user_ids', [0]], ['title', ''], ['title', 7],
      ['title', 'javascript:'], ['title', 'x'.repeat(201)], ['title', '<b'.repeat(100)], ['message', '<b'.repeat(1400)], ['message', 'x'.repeat(4001)], ['category', 'a b'], ['url', 'javascript:x'], ['url', '//evil']]) {
      const answer = await post({ ...good, [field]: value });
      assert.equal(answer.status, 400, `${field} ${value}`);
      assert.ok(answer.body[field], JSON.stringify(answer.body));
    }
    assert.equal((await system.http('/api/notifications/', { body: '{', headers: { Authorization: `Api-Key ${SERVICE_KEY}` } })).status, 400);
    await notify(a, 'alice', 'the only one');
    assert.equal(a.frames.filter((f) => f.type === 'notification').length, 1);
  }));

  test('the same by XADD; what makes no sense is passed over', () => withSockets(['alice'], async (a) => {
    await system.redis('XADD', 'kb:notify', '*', 'user_ids', 'alice', 'title', 'bad', 'message', 'm');
    await system.redis('XADD', 'kb:notify', '*', 'nonsense', '1');
    for (let i = 0; i < 4; i++) {
      await system.redis('EVAL', `return redis.call('XADD', KEYS[1], '*', 'user_ids', '${id('alice')}', 'title', 't', 'message',
        string.rep('x', 70 * 1024 * 1024))`, '1', 'kb:notify');
    }
    await system.redis('XADD', 'kb:notify', '*', 'user_ids', `${id('alice')},${id('bob')}`, 'title', 'By stream',
      'message', 'm', 'category', 'ops', 'url', 'https://example.org/x');
    const { notification } = await a.next('notification');
    assert.deepEqual([notification.title, notification.category, notification.url], ['By stream', 'ops', 'https://example.org/x']);
    await until(async () => await system.redis('XLEN', 'kb:notify') === '0');
  }));
});

test('somebody who is deleted a moment ago reads all: refused, and nothing is held up', () => withSockets(['alice'], async (a) => {
  await system.addUser('leaver');
  const leaver = await Client.open(system, '/ws/notifications/', { user: 'leaver' });
  await system.sqlExec("DELETE FROM auth_user WHERE username = 'leaver'");
  leaver.send({ type: 'mark_all_read' });
  assert.match((await leaver.next('error')).code, /INVALID_MESSAGE|AUTHENTICATION_FAILED/);
  await notify(a, 'alice');
}));

describe('mark_read, mark_all_read, dismiss', () => {
  test('all sockets of the person are told, again when it is repeated', () => withSockets(['alice', 'alice'], async (a, b) => {
    const first = await notify(a, 'alice', 'first');
    const second = await notify(a, 'alice', 'second');
    assert.equal(second.count, 2);
    await b.count('notification', 2);
    for (const [type, status, count] of [['mark_read', 'read', 1], ['mark_read', 'read', 1], ['dismiss', 'dismissed', 1], ['mark_read', 'dismissed', 1]]) {
      a.send({ type, notification_id: first.id });
      for (const client of [a, b]) {
        assert.deepEqual(await client.next('notification_update'),
          { type: 'notification_update', notification_id: first.id, status, unread_count: count });
        assert.deepEqual(await client.next('unread_count'), { type: 'unread_count', count });
      }
    }
    b.send({ type: 'mark_all_read' });
    for (const client of [a, b]) {
      assert.deepEqual(await client.next('notification_update'),
        { type: 'notification_update', notification_id: null, status: 'read', unread_count: 0 });
      assert.deepEqual(await client.next('unread_count'), { type: 'unread_count', count: 0 });
    }
    assert.deepEqual(await system.sql(`SELECT status FROM notification WHERE id IN (${first.id}, ${second.id}) ORDER BY id`),
      [{ status: 'dismissed' }, { status: 'read' }]);
  }));

  test('unknown, foreign, malformed', () => withSockets(['alice', 'bob'], async (a, b) => {
    const { id: alices } = await notify(a, 'alice');
    const refused = async (frame, code) => {
      b.send(frame);
      assert.equal((await b.next('error')).code, code, JSON.stringify(frame));
    };
    for (const type of ['mark_read', 'dismiss']) {
      await refused({ type, notification_id: 9_000_000_000 }, 'INVALID_MESSAGE');
      await refused({ type, notification_id: alices }, 'PERMISSION_DENIED');
      await refused({ type, notification_id: `${alices}` }, 'INVALID_MESSAGE');
      await refused({ type, notification_id: 0 }, 'INVALID_MESSAGE');
      await refused({ type, message_id: alices }, 'INVALID_MESSAGE');
      await refused({ type }, 'INVALID_MESSAGE');
    }
    for (const type of ['chat_message', 'typing', 'status_update', 'batch_update']) {
      await refused({ type, message: 'x', is_typing: true, status: 'away', updates: [{}] }, 'INVALID_MESSAGE');
    }
    assert.equal(await unread('alice'), 1);
    b.send({ action: 'heartbeat' });
    await b.next('heartbeat_ack');
  }));
});

describe('chats', () => {
  const chat = (user, room, gateway = 0) => Client.chat(system, room, { user, gateway });

  test('members of a private channel who are not in it; one unread a channel, renewed', () => withSockets(['bob', 'carol'], async (b, d) => {
    const a = await chat('alice', 'team');
    const first = await a.say('one');
    const { notification } = await b.next('notification');
    const channel = first.message.channel_id;
    assert.deepEqual({ ...notification, id: 0, created_at: '' }, {
      id: 0, title: 'New Message', message: 'You have a new message', category: 'chat', url: `/chat/${channel}`, created_at: '',
    });
    await b.next((f) => f.type === 'unread_count' && f.count === 1);
    await a.say('two');
    const renewed = await b.next('notification');
    assert.equal(renewed.notification.id, notification.id);
    assert.ok(renewed.notification.created_at >= notification.created_at);
    assert.deepEqual(await b.next('unread_count'), { type: 'unread_count', count: 1 });
    b.send({ type: 'mark_read', notification_id: notification.id });
    await b.next('notification_update');
    await a.say('three');
    const another = await b.next('notification');
    assert.notEqual(another.notification.id, notification.id);
    assert.equal(await unread('alice'), 0, 'not for what one writes oneself');
    assert.equal(d.frames.filter((f) => f.type === 'notification').length, 0, 'no member');
    const inside = await chat('bob', 'team', 1);
    const before = b.frames.filter((f) => f.type === 'notification').length;
    await a.say('four');
    await inside.next((f) => f.type === 'chat_message' && f.message.content === 'four');
    await notify(b, 'bob', 'marker');
    assert.equal(b.frames.filter((f) => f.type === 'notification').length, before + 1, 'who is in the room sees it there');
    await Promise.all([a.close(), inside.close()]);
  }));

  test('who is mentioned, also in the room; only those who may enter', () => withSockets(['bob', 'carol'], async (b, d) => {
    const [a, inside] = [await chat('alice', 'general'), await chat('bob', 'general', 1)];
    await a.say('nobody in particular');
    await a.say('hey @bob, and @nobody');
    assert.equal((await b.next('notification')).notification.category, 'chat');
    const team = await chat('alice', 'team');
    await team.say('@carol is not here');
    await b.next('notification');
    await notify(d, 'carol', 'marker');
    assert.equal(d.frames.filter((f) => f.type === 'notification').length, 1);
    await Promise.all([a.close(), inside.close(), team.close()]);
  }));

  test('the other one of a direct channel', () => withSockets(['bob'], async (b) => {
    const a = await chat('alice', `direct/${id('bob')}`);
    await a.say('hello');
    assert.equal((await b.next('notification')).notification.title, 'New Message');
    await a.close();
  }));
});

describe('deaths', () => {
  test('brokers die in turn while much is told: everything once, in the order of the stream', () => withSockets(['alice', 'alice'], async (a, b) => {
    const total = 200;
    for (let i = 0; i < total; i++) {
      await system.redis('XADD', 'kb:notify', '*', 'user_ids', `${id('alice')}`, 'title', `n${i}`, 'message', 'm');
      if (i === 50 || i === 120) {
        await system.kill(PARTS[i === 50 ? 0 : 1]);
      } else if (i === 90 || i === 160) {
        await system.start(PARTS[i === 90 ? 0 : 1]);
        await system.ready(PARTS[i === 90 ? 0 : 1]);
      }
    }
    for (const client of [a, b]) {
      const told = await client.count('notification', total, 60_000);
      assert.deepEqual(told.map((f) => f.notification.title), Array.from({ length: total }, (_, i) => `n${i}`));
      // What a broker stored and did not show is shown by the next one, with the count of that moment.
      const counts = client.frames.filter((f) => f.type === 'unread_count').map((f) => f.count).slice(1);
      assert.equal(counts.length, total);
      counts.forEach((count, i) => assert.ok(count >= Math.max(i + 1, counts[i - 1] ?? 0), `${count} after ${i + 1}`));
      assert.equal(counts.at(-1), total);
    }
    assert.equal(await unread('alice'), total);
  }));

  test('what is old and settled is removed by whoever begins to own it; unread stays', async () => {
    const rows = async () => (await system.sql(`SELECT title FROM notification WHERE category = 'age' ORDER BY title`))
      .map((row) => row.title);
    await system.sqlExec(`INSERT INTO notification (user_id, seq, created_at, status, category, title, message, url)
      SELECT ${id('bob')}, 2, now() - days * interval '1 day', status, 'age', status || days, 'm', ''
        FROM unnest(ARRAY[91, 89]) days, unnest(ARRAY['unread', 'read', 'dismissed']) status`);
    await Promise.all(PARTS.map((part) => system.kill(part)));
    for (const part of PARTS) {
      await system.start(part);
      await system.ready(part);
    }
    await until(async () => (await rows()).length === 4, 30_000, 'removed');
    assert.deepEqual(await rows(), ['dismissed89', 'read89', 'unread89', 'unread91']);
  });

  test('Redis is replaced by an empty one: the sockets hear of what comes after', () => withSockets(['alice'], async (a) => {
    await notify(a, 'alice', 'before');
    await system.kill('redis');
    await system.start('redis');
    for (const part of [...PARTS, 'gateway', 'gateway2']) {
      await system.ready(part);
    }
    const again = a.isOpen ? a : await open('alice');
    await until(async () => (await post({ user_ids: [id('alice')], title: 'after', message: 'm' })).status === 202);
    await again.next((f) => f.type === 'notification' && f.notification.title === 'after');
    await again.close();
  }));
});
