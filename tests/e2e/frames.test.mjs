// SPDX-License-Identifier: MIT
// The frames of a chat room besides chat_message, one by one: two users on two gateways, what each
// of them sees, and what is stored.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { start, until } from './lib/system.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let system;
before(async () => {
  system = await start({ gateways: 2, brokers: 2, env: { WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0' } });
});
after(() => system.stop());

const connect = (user, room = 'general', options = {}) => Client.chat(system, room, { user, ...options });

/** Alice on the first gateway, bob on the second, both in a room of their own. */
async function withTwo(body, room = 'leads') {
  const two = [await connect('alice', room), await connect('bob', room, { gateway: 1 })];
  await two[0].next('user_joined');
  try {
    return await body(...two);
  } finally {
    await Promise.all(two.map((client) => client.close()));
  }
}

const one = async (query) => (await system.sql(query))[0];
const id = (user) => system.user(user).id;

async function refused(client, frame, code) {
  client.send(frame);
  const error = await client.next('error');
  assert.equal(error.code, code, JSON.stringify(frame));
  return error;
}

describe('edit_message', () => {
  test('the room gets it in its order; the row has the new text', () => withTwo(async (a, b) => {
    const { message, seq } = await a.say('first words');
    a.send({ type: 'edit_message', message_id: message.id, new_content: 'better <b>words</b>' });
    const [atA, atB] = [await a.next('edit_message'), await b.next('edit_message')];
    assert.deepEqual(atA, atB);
    assert.match(atA.edited_at, TIMESTAMP);
    assert.deepEqual({ ...atA, edited_at: '' }, {
      type: 'edit_message', message_id: message.id, new_content: 'better <\u200bb>words<\u200b/b>',
      channel_id: message.channel_id, user_id: id('alice'), edited_at: '', seq: seq + 1,
    });
    const row = await one(`SELECT content, edited_at IS NOT NULL AS is_edited FROM chat_message WHERE id = ${message.id}`);
    assert.deepEqual(row, { content: atA.new_content, is_edited: true });
  }));

  test('its author only, staff neither; not of another channel, not of what is gone', () => withTwo(async (a, b) => {
    const { message } = await a.say('mine');
    const edit = { type: 'edit_message', message_id: message.id, new_content: 'x' };
    await refused(b, edit, 'PERMISSION_DENIED');
    const staff = await connect('admin', 'general');
    const general = await connect('alice', 'general');
    const there = await general.say('in general');
    await refused(staff, { ...edit, message_id: there.message.id }, 'PERMISSION_DENIED');
    await refused(a, { ...edit, message_id: there.message.id }, 'INVALID_MESSAGE');
    await refused(a, { ...edit, message_id: 9_000_000_000 }, 'INVALID_MESSAGE');
    a.send({ type: 'delete_message', message_id: message.id });
    await a.next('delete_message');
    await refused(a, edit, 'INVALID_MESSAGE');
    await Promise.all([staff.close(), general.close()]);
  }));

  test('the text obeys the rules of a message', () => withTwo(async (a) => {
    const { message } = await a.say('text');
    const edit = (text) => ({ type: 'edit_message', message_id: message.id, new_content: text });
    await refused(a, edit(''), 'INVALID_MESSAGE');
    await refused(a, edit('<script>x</script>'), 'INVALID_MESSAGE');
    await refused(a, edit('x'.repeat(10_001)), 'MESSAGE_TOO_LARGE');
    assert.equal((await one(`SELECT content FROM chat_message WHERE id = ${message.id}`)).content, 'text');
  }));

  test('many edits of one message in one breath: all shown in order, the last stays', () => withTwo(async (a, b) => {
    const { message } = await a.say('zero');
    for (let i = 1; i <= 20; i++) {
      a.send({ type: 'edit_message', message_id: message.id, new_content: `edit ${i}` });
    }
    const seen = await b.count('edit_message', 20);
    assert.deepEqual(seen.map((f) => f.new_content), Array.from({ length: 20 }, (_, i) => `edit ${i + 1}`));
    assert.equal((await one(`SELECT content FROM chat_message WHERE id = ${message.id}`)).content, 'edit 20');
  }));
});

describe('delete_message', () => {
  test('the room gets it; the row stays, emptied; a second time is invalid', () => withTwo(async (a, b) => {
    const { message, seq } = await a.say('secret');
    a.send({ type: 'edit_message', message_id: message.id, new_content: 'other secret' });
    a.send({ type: 'delete_message', message_id: message.id });
    const [atA, atB] = [await a.next('delete_message'), await b.next('delete_message')];
    assert.deepEqual(atA, atB);
    assert.match(atA.deleted_at, TIMESTAMP);
    assert.deepEqual({ ...atA, deleted_at: '' }, {
      type: 'delete_message', message_id: message.id, channel_id: message.channel_id, user_id: id('alice'),
      deleted_at: '', seq: seq + 2,
    });
    await refused(a, { type: 'delete_message', message_id: message.id }, 'INVALID_MESSAGE');
    const row = await one(`SELECT content, deleted_at IS NOT NULL AS is_deleted FROM chat_message WHERE id = ${message.id}`);
    assert.deepEqual(row, { content: '', is_deleted: true });
    const events = await system.sql(`SELECT content, old_content FROM chat_event WHERE message_id = ${message.id}`);
    assert.ok(events.every((e) => e.content === '' && e.old_content === ''), 'no text of it stays anywhere');
  }));

  test('by staff, too; by others not', async () => {
    const [alice, bob, admin] = await Promise.all(['alice', 'bob', 'admin'].map((user) => connect(user)));
    const { message } = await alice.say('to be moderated');
    await refused(bob, { type: 'delete_message', message_id: message.id }, 'PERMISSION_DENIED');
    admin.send({ type: 'delete_message', message_id: message.id });
    assert.equal((await bob.next('delete_message')).user_id, id('admin'));
    await Promise.all([alice, bob, admin].map((client) => client.close()));
  });

  test('nobody can answer to it, but it can be read up to', () => withTwo(async (a, b) => {
    const { message } = await a.say('soon gone');
    a.send({ type: 'delete_message', message_id: message.id });
    await b.next('delete_message');
    b.sendChat('answer', { reply_to: message.id, client_id: 'to-gone' });
    assert.equal((await b.next('error')).code, 'INVALID_MESSAGE');
    b.send({ type: 'read_receipt', message_id: message.id });
    assert.equal((await a.next('read_receipt')).message_id, message.id);
  }));
});

describe('typing', () => {
  const frame = (isTyping, channel) => ({
    type: 'typing', channel_id: channel, user_id: id('alice'), username: 'alice', is_typing: isTyping,
  });

  test('all but the typist\'s sockets get it, on and off', () => withTwo(async (a, b) => {
    const channel = system.channel('leads').id;
    const second = await connect('alice', 'leads', { gateway: 1 });
    a.send({ type: 'typing', channel_id: channel, is_typing: true });
    assert.deepEqual(await b.next('typing'), frame(true, channel));
    a.send({ type: 'typing', is_typing: false });
    assert.deepEqual(await b.next('typing'), frame(false, channel));
    await Promise.all([a.barrier(), second.barrier()]);
    assert.ok([a, second].every((c) => c.frames.every((f) => f.type !== 'typing')));
    await second.close();
  }));

  test('sending a message switches it off, before the message', () => withTwo(async (a, b) => {
    a.send({ type: 'typing', is_typing: true });
    await b.next('typing');
    await a.say('done');
    assert.equal((await b.next((f) => ['typing', 'chat_message'].includes(f.type))).is_typing, false);
    await b.next('chat_message');
  }));

  test('the disconnect of the last socket switches it off, that of another one does not', () => withTwo(async (a, b) => {
    const other = await connect('alice', 'leads', { gateway: 1 });
    a.send({ type: 'typing', is_typing: true });
    assert.equal((await b.next('typing')).is_typing, true);
    const from = Date.now();
    await other.close();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await b.barrier();
    assert.equal(b.frames.filter((f) => f.type === 'typing').length, 1);
    a.socket.terminate();
    assert.equal((await b.next('typing')).is_typing, false);
    assert.ok(Date.now() - from < 5000, 'long before it would end by itself');
  }));

  test('the disconnect of the one that typed switches it off, though another one stays', () => withTwo(async (a, b) => {
    for (const gateway of [0, 1]) {
      const typist = await connect('alice', 'leads', { gateway });
      typist.send({ type: 'typing', is_typing: true });
      await b.next((f) => f.type === 'typing' && f.is_typing);
      const from = Date.now();
      await typist.close();
      await b.next((f) => f.type === 'typing' && !f.is_typing);
      assert.ok(Date.now() - from < 4000, 'long before it would end by itself');
    }
    assert.ok(a.isOpen);
    assert.equal(b.frames.filter((f) => f.type === 'typing').length, 4);
  }));

  test('six seconds after the last one it is switched off by the server', () => withTwo(async (a, b) => {
    a.send({ type: 'typing', is_typing: true });
    await b.next('typing');
    await new Promise((resolve) => setTimeout(resolve, 4000));
    a.send({ type: 'typing', is_typing: true });
    const again = Date.now();
    assert.equal((await b.next('typing')).is_typing, true);
    assert.equal((await b.next('typing')).is_typing, false);
    const waited = Date.now() - again;
    assert.ok(waited > 5500, `switched off after ${waited} ms, counted from the last one`);
    const typing = b.frames.filter((f) => f.type === 'typing').map((f) => f.is_typing);
    assert.deepEqual(typing, [true, true, false]);
  }));

  test('of another channel: the rules of channel_id', async () => {
    const carol = await connect('carol');
    const typing = (channel) => ({ type: 'typing', is_typing: true, channel_id: channel });
    for (const [channel, code] of [[9007199254740991, 'CHANNEL_NOT_FOUND'],
      [system.channel('leads').id, 'PERMISSION_DENIED'], [system.channel('random').id, 'INVALID_MESSAGE']]) {
      carol.send(typing(channel));
      assert.equal((await carol.next('error')).code, code);
    }
    await carol.close();
  });
});

describe('read_receipt', () => {
  test('everybody hears of it; it moves only forward; a repeat is silent', () => withTwo(async (a, b) => {
    const [first, second] = [await a.say('one'), await a.say('two')];
    b.send({ type: 'read_receipt', message_id: second.message.id });
    const [atA, atB] = [await a.next('read_receipt'), await b.next('read_receipt')];
    assert.deepEqual(atA, atB);
    assert.match(atA.timestamp, TIMESTAMP);
    assert.deepEqual({ ...atA, timestamp: '' }, {
      type: 'read_receipt', message_id: second.message.id, user_id: id('bob'), username: 'bob',
      channel_id: second.message.channel_id, timestamp: '',
    });
    b.send({ type: 'read_receipt', message_id: second.message.id });
    b.send({ type: 'read_receipt', message_id: first.message.id });
    await b.barrier();
    await a.next((f) => f.message?.content === 'barrier');
    for (const client of [a, b]) {
      assert.equal(client.frames.filter((f) => f.type === 'read_receipt' && f.user_id === id('bob')).length, 1);
    }
    const row = await one(`SELECT message_id FROM chat_read WHERE channel_id = ${second.message.channel_id}
      AND user_id = ${id('bob')}`);
    assert.equal(row.message_id, second.message.id);
  }));

  test('mark_read with a message_id is the same', () => withTwo(async (a, b) => {
    const { message } = await a.say('three');
    b.send({ type: 'mark_read', message_id: message.id });
    assert.equal((await a.next('read_receipt')).message_id, message.id);
  }));

  test('takes no place in the order', () => withTwo(async (a, b) => {
    const { message, seq } = await a.say('four');
    b.send({ type: 'read_receipt', message_id: message.id });
    const receipt = await a.next('read_receipt');
    assert.equal('seq' in receipt, false);
    assert.equal((await a.say('five')).seq, seq + 1);
  }));

  test('of a message of this channel', () => withTwo(async (a) => {
    const general = await connect('alice');
    const { message } = await general.say('elsewhere');
    for (const messageId of [message.id, 9_000_000_000]) {
      await refused(a, { type: 'read_receipt', message_id: messageId }, 'INVALID_MESSAGE');
    }
    await general.close();
  }));
});

describe('batch_update', () => {
  test('what is no frame is relayed as one, to all but its sender, in the order', () => withTwo(async (a, b) => {
    const { seq } = await a.say('before');
    const second = await connect('alice', 'leads');
    const updates = [{ op: 'insert', at: 3, text: 'x' }, { type: 'cursor', x: 1.5, y: null, on: true, list: [1, ['a']] }];
    a.send({ type: 'batch_update', updates });
    const [atB, atSecond] = [await b.next('batch_update'), await second.next('batch_update')];
    assert.deepEqual(atB, atSecond);
    assert.match(atB.timestamp, TIMESTAMP);
    assert.deepEqual({ ...atB, timestamp: '' }, {
      type: 'batch_update', updates, user_id: id('alice'), username: 'alice', channel_id: system.channel('leads').id,
      seq: seq + 1, timestamp: '',
    });
    assert.equal((await a.say('after')).seq, seq + 2);
    assert.ok(a.frames.every((f) => f.type !== 'batch_update'));
    await second.close();
  }));

  test('every string in it is sanitised', () => withTwo(async (a, b) => {
    a.send({ type: 'batch_update', updates: [{
      html: '<script>alert(1)</script>ok', deep: [{ 'onclick=key': ['javascript:x', '<i>'] }], n: 7 }] });
    assert.deepEqual((await b.next('batch_update')).updates, [{
      html: 'ok', deep: [{ key: ['x', '<\u200bi>'] }], n: 7 }]);
  }));

  test('frames in it are as if sent one by one, each with its own error', () => withTwo(async (a, b) => {
    const { message } = await a.say('edit me');
    a.send({ type: 'batch_update', updates: [
      { type: 'chat_message', message: 'in a batch', client_id: 'batch-1' },
      { type: 'edit_message', message_id: message.id, new_content: 'edited' },
      { type: 'chat_message', message: '', client_id: 'batch-2' },
      { type: 'edit_message', message_id: 9_000_000_000, new_content: 'x' },
      { anything: 'else' },
      { type: 'ping' },
      { type: 'batch_update', updates: [{ a: 1 }] },
      { type: 'upload_chunk', upload_id: 'x', chunk_index: 0, chunk_data: '' },
      { type: 'typing', is_typing: true },
    ] });
    assert.equal((await b.next('chat_message')).message.content, 'edit me');
    assert.equal((await b.next('chat_message')).client_id, 'batch-1');
    assert.equal((await b.next('edit_message')).new_content, 'edited');
    const rest = [await b.next(), await b.next()].map((f) => f.type).sort();
    assert.deepEqual(rest, ['batch_update', 'typing']);
    assert.deepEqual(b.frames.find((f) => f.type === 'batch_update').updates, [{ anything: 'else' }]);
    const errors = await a.count('error', 4);
    assert.ok(errors.every((e) => e.code === 'INVALID_MESSAGE'));
    assert.deepEqual(errors.map((e) => e.client_id).filter(Boolean), ['batch-2']);
    await a.next('pong');
  }));

  test('one that has a NUL or a lone surrogate is refused alone', () => withTwo(async (a, b) => {
    a.send({ type: 'batch_update', updates: [
      { type: 'chat_message', message: 'good 1' },
      { type: 'chat_message', message: 'a\0b', client_id: 'nul' },
      { type: 'chat_message', message: 'a\ud800b', client_id: 'surrogate' },
      { text: '\0' },
      { text: 'good 2' },
      { type: 'chat_message', message: 'good 3' },
    ] });
    const seen = await b.count((f) => f.seq !== undefined && f !== b.hello, 3);
    assert.deepEqual(seen.map((f) => f.message?.content ?? f.updates), ['good 1', 'good 3', [{ text: 'good 2' }]]);
    const errors = await a.count('error', 3);
    assert.deepEqual(errors.map((e) => [e.code, e.client_id]), [
      ['INVALID_MESSAGE', 'nul'], ['INVALID_MESSAGE', 'surrogate'], ['INVALID_MESSAGE', undefined]]);
  }));

  test('1 to 50 objects, nothing else', () => withTwo(async (a, b) => {
    const batch = (updates) => ({ type: 'batch_update', updates });
    for (const updates of [undefined, null, {}, 'x', [], [1], [{}, 'x'], [[]], [null], Array.from({ length: 51 }, () => ({}))]) {
      await refused(a, batch(updates), 'INVALID_MESSAGE');
    }
    a.send(batch(Array.from({ length: 50 }, (_, i) => ({ i }))));
    assert.equal((await b.next('batch_update')).updates.length, 50);
  }));
});

describe('limits count a batch', () => {
  let limited;
  before(async () => {
    limited = await start({ env: { WEBSOCKET_RATE_LIMIT: '10', USER_RATE_LIMIT: '0' } });
  });
  after(() => limited.stop());

  test('frames in it each, the rest as one, pings not at all', async () => {
    const alice = await Client.chat(limited, 'general', { user: 'alice' });
    const chats = (n, name) => Array.from({ length: n }, (_, i) => ({
      type: 'chat_message', message: 'x', client_id: `${name}-${i}` }));
    alice.send({ type: 'batch_update', updates: [...chats(8, 'first'), { type: 'ping' }, { a: 1 }, { b: 2 }] });
    await alice.count('chat_message', 8);
    alice.send({ type: 'batch_update', updates: [...chats(3, 'second'), { c: 3 }] });
    await alice.count('chat_message', 9);
    const errors = await alice.count('error', 3);
    assert.ok(errors.every((e) => e.code === 'RATE_LIMIT_EXCEEDED' && Object.keys(e).length === 3));
    await alice.close();
  });
});

describe('every field of every frame', () => {
  const notIds = ['missing', null, '1', 1.5, '1.0', 0, -1, 9007199254740992, true, [1], {}];
  const notTexts = ['missing', null, 7, true, ['x'], {}];
  const notBooleans = ['missing', null, 'true', 0, 1, [], {}];
  const table = [
    ['chat_message', { message: 'x' }, { message: notTexts, channel_id: notIds, reply_to: notIds, attachments: ['x', [0], ['1'], [null], {}, [7]] }],
    ['edit_message', { message_id: 1, new_content: 'x' }, { message_id: notIds, new_content: notTexts }],
    ['delete_message', { message_id: 1 }, { message_id: notIds }],
    ['read_receipt', { message_id: 1 }, { message_id: notIds }],
    ['mark_read', { message_id: 1 }, { message_id: notIds }],
    ['typing', { is_typing: true }, { is_typing: notBooleans, channel_id: notIds }],
    ['batch_update', { updates: [{}] }, { updates: ['missing', null, 7, 'x', {}, [], [7]] }],
    ['refresh_token', { token: 'x' }, { token: notTexts }],
  ];
  const optional = ['channel_id', 'reply_to', 'attachments'];

  for (const [type, good, fields] of table) {
    for (const [field, values] of Object.entries(fields)) {
      test(`${type}.${field}`, async () => {
        const alice = await connect('alice', 'random');
        const count = () => one('SELECT (SELECT count(*) FROM chat_message) + (SELECT count(*) FROM chat_event) AS n');
        const before = await count();
        for (const value of values) {
          if (optional.includes(field) && (value === 'missing' || value === null)) {
            continue;
          }
          const frame = { type, ...good, [field]: value, client_id: 'bad-1' };
          if (value === 'missing') {
            delete frame[field];
          }
          const text = value === '1.0' ? JSON.stringify(frame).replace('"1.0"', '1.0') : JSON.stringify(frame);
          alice.send(text);
          const error = await alice.next((f) => f.type !== 'connection_established');
          assert.equal(error.type, 'error', text);
          assert.equal(error.code, 'INVALID_MESSAGE', text);
          assert.equal(error.client_id, 'bad-1', text);
        }
        assert.deepEqual(await count(), before, 'nothing was stored');
        await alice.ping();
        await alice.close();
      });
    }
  }
});

describe('many at once', () => {
  test('1800 pings and 1800 wrong frames in one write are all answered', async () => {
    const client = await connect('alice');
    const { _socket: tcp } = client.socket;
    tcp.cork();
    for (let i = 0; i < 1800; i++) {
      client.send({ type: 'ping' });
      client.socket.send('{}');
    }
    tcp.uncork();
    const count = (type) => client.frames.filter((frame) => frame.type === type).length;
    await until(() => count('pong') === 1800 && count('error') === 1800, 30_000, 'all answers');
    assert.ok(client.isOpen);
    await client.close();
  });
});
