// SPDX-License-Identifier: MIT
// The routes of people who are signed in: who one is, channels, their members, history, searching.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { forgeToken, makeSession } from './lib/credentials.mjs';
import { start, until } from './lib/system.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const MESSAGE_KEYS = ['attachments', 'author', 'channel_id', 'content', 'id', 'reply_to', 'timestamp'];
const CHANNEL_KEYS = ['id', 'is_member', 'is_private', 'kind', 'last_message', 'last_seq', 'members',
  'name', 'role', 'unread_count'];
const PAGE_KEYS = ['deleted', 'edited', 'next', 'results', 'seq'];
const REPLY_MAX_BYTES = 1024 * 1024;

let system;
before(async () => {
  system = await start({ gateways: 2, env: { WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0' } });
});
after(() => system.stop());

const idOf = (name) => system.user(name).id;
const channelId = (name) => system.channel(name).id;
const bearer = async (user) => ({ Authorization: `Bearer ${await system.token(user)}` });

/** A request as a user; resolves to { status, headers, body }. */
async function as(user, method, path, body, options = {}) {
  return system.http(path, { method, body, headers: await bearer(user), ...options });
}
const get = (user, path, options) => as(user, 'GET', path, undefined, options);

async function ok(user, path) {
  const answer = await get(user, path);
  assert.equal(answer.status, 200, `${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

function assertError(answer, status, code) {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'detail']);
  assert.equal(answer.body.code, code);
  assert.ok(answer.body.detail.length > 0);
}

/** 400 with complaints about exactly these fields. */
function assertComplaints(answer, ...fields) {
  assert.equal(answer.status, 400, JSON.stringify(answer.body));
  assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'detail', ...fields].sort());
  for (const field of fields) {
    assert.ok(Array.isArray(answer.body[field]) && typeof answer.body[field][0] === 'string');
  }
}

/** A public channel of this test's own; resolves to its id. */
let channelCount = 0;
async function freshChannel(more = {}) {
  const name = `fresh-${++channelCount}`;
  const answer = await as('admin', 'POST', '/api/channels/', { name, ...more });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.id;
}

/** Messages by SQL, as the broker would have stored them: content is an expression of i. */
function fill(channel, count, content = "'message ' || i", author = idOf('alice')) {
  return system.sqlExec(`
    INSERT INTO chat_message (channel_id, id, seq, author_id, created_at, entry_ms, entry_seq,
      entry_partition, entry_index, content)
    SELECT ${channel}, nextval('chat_message_id_seq'), c.last_seq + i, ${author}, now(), 0, 0, 0, 0, ${content}
      FROM chat_channel c, generate_series(1, ${count}) i WHERE c.id = ${channel} ORDER BY i;
    UPDATE chat_channel SET last_seq = last_seq + ${count} WHERE id = ${channel}`);
}

/** All pages from an address on; resolves to the pages. */
async function walk(user, path) {
  const pages = [];
  for (let next = path; next !== null; next = pages.at(-1).next) {
    assert.match(next, /^\/api\/channels\/\d+\/(messages|search)\/\?/);
    pages.push(await ok(user, next));
    assert.ok(pages.length < 1000, 'the pages never end');
  }
  return pages;
}

const contentsOf = (pages) => pages.flatMap((page) => page.results.map((message) => message.content));

describe('who may ask', () => {
  const routes = [
    ['GET', '/api/users/me/'], ['GET', '/api/channels/'], ['POST', '/api/channels/', { name: 'x' }],
    ['POST', '/api/channels/1/members/', { user_id: 1 }], ['DELETE', '/api/channels/1/members/', { user_id: 1 }],
    ['GET', '/api/channels/1/messages/'], ['GET', '/api/channels/1/search/?q=x'],
    ['GET', '/api/channels/987654321/messages/'],
  ];
  for (const [method, path, body] of routes) {
    test(`${method} ${path}: 401 without a credential or with a bad one`, async () => {
      const { body: { refresh } } = await system.login('alice');
      const bad = [undefined, 'x.y.z', refresh, forgeToken('k'.repeat(40), { user_id: 1 }),
        forgeToken(system.info.secret_key, { user_id: idOf('alice'), exp: 1 })];
      for (const token of bad) {
        const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
        const answer = await system.http(path, { method, body, headers });
        assertError(answer, 401, 'AUTHENTICATION_FAILED');
        assert.match(answer.headers.get('www-authenticate'), /^Bearer/);
      }
    });
  }

  test('a session cookie is as good as a token', async () => {
    const key = await makeSession(system, 'carol');
    const answer = await system.http('/api/users/me/', { headers: { Cookie: `sessionid=${key}` } });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.username, 'carol');
  });

  test('a deactivated user is nobody', async () => {
    await system.addUser('leaver');
    const headers = await bearer('leaver');
    await system.broker(['user', 'deactivate', 'leaver']);
    await until(async () => (await system.http('/api/users/me/', { headers })).status === 401, 15_000, '401');
  });
});

describe('paths and methods', () => {
  const cases = [
    ['PUT', '/api/channels/', 405, 'GET, HEAD, POST'],
    ['DELETE', '/api/users/me/', 405, 'GET, HEAD'],
    ['GET', '/api/channels/1/members/', 405, 'POST, DELETE'],
    ['POST', '/api/channels/1/messages/', 405, 'GET, HEAD'],
    ['DELETE', '/api/channels/1/search/', 405, 'GET, HEAD'],
    ['POST', '/ws/chat/general/', 405, 'GET'], ['DELETE', '/ws/status', 405, 'GET'], ['POST', '/ws/nothing/', 404],
    ['GET', '/api/channels/1/', 404], ['GET', '/api/channels', 404], ['GET', '/api/users/1/', 404],
    ['GET', '/api/channels/general/messages/', 404], ['GET', '/api/channels/0/messages/', 404],
    ['GET', '/api/channels/9007199254740992/messages/', 404], ['GET', '/api/channels/1/messages', 404],
  ];
  for (const [method, path, status, allow = null] of cases) {
    test(`${method} ${path}: ${status}`, async () => {
      const answer = await as('admin', method, path, method === 'PUT' || method === 'POST' ? {} : undefined);
      assertError(answer, status, status === 405 ? 'method_not_allowed' : 'not_found');
      assert.equal(answer.headers.get('allow'), allow);
    });
  }

  test('HEAD is GET without a body', async () => {
    const answer = await as('alice', 'HEAD', '/api/users/me/');
    assert.equal(answer.status, 200);
    assert.equal(answer.body, '');
    assert.ok(Number(answer.headers.get('content-length')) > 0);
  });
});

describe('GET /api/users/me/', () => {
  test('gives the user', async () => {
    await system.sqlExec(`UPDATE auth_user SET first_name = 'Ada', last_name = '<b>"L"</b>', email = 'a@example.org'
      WHERE username = 'alice'`);
    assert.deepEqual(await ok('alice', '/api/users/me/'), {
      id: idOf('alice'), username: 'alice', first_name: 'Ada', last_name: '<b>"L"</b>',
      email: 'a@example.org', is_staff: false, avatar: '',
    });
    assert.equal((await ok('admin', '/api/users/me/')).is_staff, true);
  });
});

describe('GET /api/channels/', () => {
  const byName = async (user) => new Map((await ok(user, '/api/channels/')).map((c) => [c.name, c]));

  test('lists what one may enter, and nothing else', async () => {
    const [alice, carol] = [await byName('alice'), await byName('carol')];
    for (const [list, own, others] of [[alice, 'leads', 'board'], [carol, 'board', 'leads']]) {
      assert.ok(list.has('general') && list.has('random') && list.has(own));
      assert.ok(!list.has(others));
      for (const channel of list.values()) {
        assert.deepEqual(Object.keys(channel).sort(), CHANNEL_KEYS);
      }
    }
    const leads = alice.get('leads');
    assert.deepEqual([leads.id, leads.kind, leads.is_private, leads.is_member, leads.role],
      [channelId('leads'), 'group', true, true, 'member']);
    assert.deepEqual(leads.members, [idOf('alice'), idOf('bob')].sort((a, b) => a - b));
    const random = alice.get('random');
    assert.deepEqual([random.is_private, random.is_member, random.role, random.members], [false, false, null, null]);
    assert.deepEqual([random.last_seq, random.unread_count, random.last_message], [0, 0, null]);
  });

  test('the last message is that of the frame; the last active channel is first', async () => {
    const client = await Client.chat(system, 'leads', { user: 'bob' });
    const frame = await client.say('<script>alert(1)</script>hello "leads" <b>\u2028</b>');
    const [first] = await ok('alice', '/api/channels/');
    assert.equal(first.name, 'leads');
    assert.deepEqual(first.last_message, frame.message);
    assert.deepEqual(Object.keys(first.last_message).sort(), MESSAGE_KEYS);
    assert.equal(first.last_seq, frame.seq);
    await client.close();
  });

  test('a deleted message is not the last one', async () => {
    const id = await freshChannel();
    await fill(id, 2);
    await system.sqlExec(`UPDATE chat_message SET content = '', deleted_at = now()
      WHERE channel_id = ${id} AND seq = 2`);
    const channel = (await ok('alice', '/api/channels/')).find((c) => c.id === id);
    assert.equal(channel.last_message.content, 'message 1');
    assert.equal(channel.last_seq, 2);
  });

  test('counts what others have said since one has read', async () => {
    const id = await freshChannel();
    const unread = async (user) => (await ok(user, '/api/channels/')).find((c) => c.id === id).unread_count;
    await fill(id, 5);
    await fill(id, 1, "'of bob'", idOf('bob'));
    assert.deepEqual([await unread('alice'), await unread('bob'), await unread('carol')], [1, 5, 6]);
    const rows = await system.sql(`SELECT id FROM chat_message WHERE channel_id = ${id} ORDER BY seq`);
    await system.sqlExec(`INSERT INTO chat_read VALUES (${id}, ${idOf('carol')}, ${rows[3].id}, now());
      UPDATE chat_message SET content = '', deleted_at = now() WHERE id = ${rows[4].id}`);
    assert.deepEqual([await unread('bob'), await unread('carol')], [4, 1]);
    await fill(id, 1200);
    assert.equal(await unread('carol'), 1000);
    assert.equal(await unread('alice'), 1);
  });

  test('what a reader has acknowledged is read', async () => {
    const id = await freshChannel();
    const [alice, bob] = [await Client.chat(system, id, { user: 'alice' }), await Client.chat(system, id, { user: 'bob' })];
    const { message } = await alice.say('read me');
    bob.send({ type: 'read_receipt', message_id: message.id });
    await alice.next((f) => f.type === 'read_receipt' && f.message_id === message.id);
    const find = async (user) => (await ok(user, '/api/channels/')).find((c) => c.id === id);
    assert.equal((await find('bob')).unread_count, 0);
    assert.equal((await find('carol')).unread_count, 1);
    await Promise.all([alice.close(), bob.close()]);
  });
});

describe('POST /api/channels/', () => {
  const create = (user, body) => as(user, 'POST', '/api/channels/', body);

  test('staff make a channel; the others may enter it', async () => {
    const answer = await create('admin', { name: 'made-here', is_private: true, members: [idOf('bob'), idOf('bob')] });
    assert.equal(answer.status, 201);
    const members = [idOf('admin'), idOf('bob')].sort((a, b) => a - b);
    assert.deepEqual(answer.body, {
      id: answer.body.id, name: 'made-here', kind: 'group', is_private: true, is_member: true, role: 'owner',
      members, last_seq: 0, unread_count: 0, last_message: null,
    });
    const listed = async (user) => (await ok(user, '/api/channels/')).find((c) => c.id === answer.body.id);
    assert.deepEqual(await listed('admin'), answer.body);
    assert.deepEqual(await listed('bob'), { ...answer.body, role: 'member' });
    assert.equal(await listed('carol'), undefined);
    const client = await Client.chat(system, 'made-here', { user: 'bob' });
    assert.equal(client.hello.channel_id, answer.body.id);
    await client.close();
    await assert.rejects(Client.chat(system, 'made-here', { user: 'carol' }), /PERMISSION_DENIED/);
  });

  test('public unless said otherwise', async () => {
    const { status, body } = await create('admin', { name: 'open-to-all' });
    assert.equal(status, 201);
    assert.deepEqual([body.is_private, body.members, body.role], [false, null, 'owner']);
    const client = await Client.chat(system, 'open-to-all', { user: 'carol' });
    await client.close();
  });

  test('others: 403', async () => {
    assertError(await create('alice', { name: 'mine' }), 403, 'PERMISSION_DENIED');
    assertError(await create('alice', {}), 403, 'PERMISSION_DENIED');
  });

  test('a name that is taken: 409', async () => {
    assertError(await create('admin', { name: 'general' }), 409, 'conflict');
    const answers = await Promise.all([0, 1, 0, 1].map(async (gateway) =>
      system.http('/api/channels/', { body: { name: 'race' }, headers: await bearer('admin'), gateway })));
    assert.deepEqual(answers.map((a) => a.status).sort(), [201, 409, 409, 409]);
  });

  const bad = [
    [{}, 'name'], [{ name: '' }, 'name'], [{ name: null }, 'name'], [{ name: 7 }, 'name'],
    [{ name: 'a b' }, 'name'], [{ name: '123' }, 'name'], [{ name: 'ü' }, 'name'], [{ name: '../x' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'], [{ name: 'ok', is_private: 'yes' }, 'is_private'],
    [{ name: 'ok', members: 'bob' }, 'members'], [{ name: 'ok', members: ['1'] }, 'members'],
    [{ name: 'ok', members: [1.5] }, 'members'], [{ name: 'ok', members: [0] }, 'members'],
    [{ name: 'ok', members: [987654321] }, 'members'], [{ name: 'ok', members: Array(501).fill(1) }, 'members'],
    [{ is_private: 1, members: {} }, 'is_private', 'members', 'name'],
  ];
  for (const [body, ...fields] of bad) {
    test(`${JSON.stringify(body).slice(0, 60)}: 400`, async () => {
      assertComplaints(await create('admin', body), ...fields);
    });
  }

  test('a body that is no JSON object: 400, of another type: 415', async () => {
    assertError(await create('admin', '{'), 400, 'parse_error');
    assertError(await create('admin', '[]'), 400, 'invalid');
    const headers = { ...(await bearer('admin')), 'Content-Type': 'text/plain' };
    assertError(await system.http('/api/channels/', { body: 'name=x', headers }), 415, 'unsupported_media_type');
    assert.deepEqual(await system.sql("SELECT id FROM chat_channel WHERE name IN ('ok', 'x', 'mine')"), []);
  });
});

describe('POST and DELETE /api/channels/<id>/members/', () => {
  const change = (user, method, channel, userId) =>
    as(user, method, `/api/channels/${channel}/members/`, userId === undefined ? undefined : { user_id: userId });

  test('staff and the owner let people in and put them out; twice is once', async () => {
    const id = await freshChannel({ is_private: true, members: [idOf('alice'), idOf('bob')] });
    await system.sqlExec(`UPDATE chat_membership SET role = 'owner'
      WHERE channel_id = ${id} AND user_id = ${idOf('alice')}`);
    for (const user of ['admin', 'alice']) {
      assertError(await get('carol', `/api/channels/${id}/messages/`), 403, 'PERMISSION_DENIED');
      for (let i = 0; i < 2; i++) {
        const answer = await change(user, 'POST', id, idOf('carol'));
        assert.equal(answer.status, 204);
        assert.equal(answer.body, '');
      }
      assert.equal((await get('carol', `/api/channels/${id}/messages/`)).status, 200);
      for (let i = 0; i < 2; i++) {
        assert.equal((await change(user, 'DELETE', id, idOf('carol'))).status, 204);
      }
    }
    assertError(await get('carol', `/api/channels/${id}/messages/`), 403, 'PERMISSION_DENIED');
    for (const user of ['bob', 'carol']) {
      for (const method of ['POST', 'DELETE']) {
        assertError(await change(user, method, id, idOf('carol')), 403, 'PERMISSION_DENIED');
      }
    }
  });

  test('unknown channels, unknown users, direct channels, bad bodies', async () => {
    const id = await freshChannel();
    for (const method of ['POST', 'DELETE']) {
      assertError(await change('admin', method, 987654321, idOf('bob')), 404, 'CHANNEL_NOT_FOUND');
      assertComplaints(await change('admin', method, id, 987654321), 'user_id');
      for (const bad of ['1', null, 0, 1.5, [1]]) {
        assertComplaints(await change('admin', method, id, bad), 'user_id');
      }
    }
    assertComplaints(await change('admin', 'DELETE', id), 'user_id');
    await system.sqlExec(`UPDATE chat_channel SET kind = 'direct', is_private = true WHERE id = ${id}`);
    for (const method of ['POST', 'DELETE']) {
      assertError(await change('admin', method, id, idOf('bob')), 403, 'PERMISSION_DENIED');
    }
  });
});

describe('GET /api/channels/<id>/messages/', () => {
  test('a message is what the frame had, XSS text as it was stored', async () => {
    const id = await freshChannel();
    const client = await Client.chat(system, id, { user: 'alice' });
    const frames = [];
    for (const text of ['plain', '<script>alert("x")</script><img src=x onerror=alert(1)>', '"\\\u2028\n\t<b>&amp;</b>', '😀']) {
      frames.push(await client.say(text));
    }
    frames.push(await client.say('a reply', { reply_to: frames[0].message.id }));
    const page = await ok('bob', `/api/channels/${id}/messages/`);
    assert.deepEqual(Object.keys(page).sort(), PAGE_KEYS);
    assert.deepEqual(page.results, frames.map((frame) => frame.message).reverse());
    for (const message of page.results) {
      assert.deepEqual(Object.keys(message).sort(), MESSAGE_KEYS);
      assert.match(message.timestamp, TIMESTAMP);
      const [row] = await system.sql(`SELECT content FROM chat_message WHERE id = ${message.id}`);
      assert.equal(message.content, row.content);
    }
    assert.deepEqual([page.next, page.seq, page.edited, page.deleted], [null, frames.at(-1).seq, {}, {}]);
    await client.close();
  });

  test('edited and deleted messages are there and told beside', async () => {
    const id = await freshChannel();
    const client = await Client.chat(system, id, { user: 'alice' });
    const [kept, edited, deleted] = [await client.say('kept'), await client.say('edit me'), await client.say('delete me')]
      .map((frame) => frame.message);
    client.send({ type: 'edit_message', message_id: edited.id, new_content: 'was edited' });
    const edit = await client.next('edit_message');
    client.send({ type: 'delete_message', message_id: deleted.id });
    const deletion = await client.next('delete_message');
    const page = await ok('bob', `/api/channels/${id}/messages/`);
    assert.deepEqual(page.results, [{ ...deleted, content: '' }, { ...edited, content: 'was edited' }, kept]);
    assert.deepEqual(page.edited, { [edited.id]: edit.edited_at });
    assert.deepEqual(page.deleted, { [deleted.id]: deletion.deleted_at });
    assert.equal(page.seq, deletion.seq);
    await client.close();
  });

  test('500 messages, page by page, back and forth, none twice and none missing', async () => {
    const id = await freshChannel();
    await fill(id, 500);
    const all = (await system.sql(`SELECT id, content FROM chat_message WHERE channel_id = ${id} ORDER BY id DESC`));
    const contents = all.map((row) => row.content);

    const first = await ok('bob', `/api/channels/${id}/messages/`);
    assert.equal(first.results.length, 50);
    assert.equal(first.next, `/api/channels/${id}/messages/?before=${first.results.at(-1).id}&limit=50`);
    const pages = await walk('bob', `/api/channels/${id}/messages/?`);
    assert.deepEqual(pages.map((page) => page.results.length), Array(10).fill(50));
    assert.deepEqual(contentsOf(pages), contents);
    assert.deepEqual(pages.map((page) => page.seq), Array(10).fill(500));
    for (const limit of [1, 7, 199, 200]) {
      const from = limit === 1 ? `&before=${all[480].id}` : '';
      const some = await walk('bob', `/api/channels/${id}/messages/?limit=${limit}${from}`);
      assert.deepEqual(contentsOf(some), limit === 1 ? contents.slice(481) : contents);
    }

    const forward = await walk('bob', `/api/channels/${id}/messages/?after=0&limit=120`);
    assert.deepEqual(forward.map((page) => page.results.length), [120, 120, 120, 120, 20]);
    assert.deepEqual(contentsOf(forward.reverse()), contents);
    const middle = await ok('bob', `/api/channels/${id}/messages/?after=${all[10].id}&limit=3`);
    assert.deepEqual(contentsOf([middle]), contents.slice(7, 10));
    assert.equal(middle.next, `/api/channels/${id}/messages/?after=${all[7].id}&limit=3`);
    const end = await ok('bob', `/api/channels/${id}/messages/?after=${all[2].id}&limit=2`);
    assert.deepEqual([contentsOf([end]), end.next], [contents.slice(0, 2), null]);
    const between = await walk('bob', `/api/channels/${id}/messages/?after=${all[9].id}&before=${all[4].id}&limit=3`);
    assert.deepEqual(contentsOf(between.reverse()), contents.slice(5, 9));
  });

  test('messages that come while one pages shift nothing', async () => {
    const id = await freshChannel();
    await fill(id, 20);
    const first = await ok('bob', `/api/channels/${id}/messages/?limit=10`);
    await fill(id, 5, "'late ' || i");
    const second = await ok('bob', first.next);
    assert.deepEqual(contentsOf([first, second]), Array.from({ length: 20 }, (_, i) => `message ${20 - i}`));
  });

  test('long messages make shorter pages, never an answer over 1 MiB', async () => {
    const id = await freshChannel();
    await fill(id, 100, `repeat('"', 9990) || i`);
    const pages = [];
    for (let next = `/api/channels/${id}/messages/?limit=200`; next !== null; next = pages.at(-1).next) {
      const response = await fetch(system.info.urls[0] + next, { headers: await bearer('bob') });
      const text = await response.text();
      assert.equal(response.status, 200);
      assert.ok(Buffer.byteLength(text) < REPLY_MAX_BYTES);
      pages.push(JSON.parse(text));
    }
    assert.ok(pages.length > 1);
    assert.deepEqual(contentsOf(pages).map((text) => Number(text.slice(9990))),
      Array.from({ length: 100 }, (_, i) => 100 - i));
  });

  test('who may not enter: 403, also staff; no such channel: 404', async () => {
    for (const route of ['messages/', 'search/?q=x']) {
      assertError(await get('carol', `/api/channels/${channelId('leads')}/${route}`), 403, 'PERMISSION_DENIED');
      assertError(await get('admin', `/api/channels/${channelId('leads')}/${route}`), 403, 'PERMISSION_DENIED');
      assertError(await get('alice', `/api/channels/987654321/${route}`), 404, 'CHANNEL_NOT_FOUND');
    }
  });

  const bad = { limit: ['0', '201', '-1', 'x', '1.5', '%'], before: ['0', 'x', '-1', '9007199254740992'], after: ['x', '-1'] };
  for (const [field, values] of Object.entries(bad)) {
    test(`bad values of ${field}: 400`, async () => {
      for (const value of values) {
        assertComplaints(await get('alice', `/api/channels/${channelId('general')}/messages/?${field}=${value}`), field);
      }
    });
  }

  test('the first of two counts, unknown ones are passed over, codes are decoded', async () => {
    const id = await freshChannel();
    await fill(id, 5);
    const page = await ok('alice', `/api/channels/${id}/messages/?page=9&limit=%32&limit=x`);
    assert.equal(page.results.length, 2);
  });
});

describe('GET /api/channels/<id>/search/', () => {
  const search = (id, q, more = '') => `/api/channels/${id}/search/?q=${encodeURIComponent(q)}${more}`;

  test('finds words, phrases, either, without', async () => {
    const id = await freshChannel();
    const client = await Client.chat(system, id, { user: 'alice' });
    for (const text of ['The quick brown fox', 'a lazy dog', 'quick dog, lazy FOX', 'Grüße & <b>bold</b>', 'gone fox']) {
      await client.say(text);
    }
    const { message } = (await client.barrier());
    await system.sqlExec(`UPDATE chat_message SET content = '', deleted_at = now()
      WHERE channel_id = ${id} AND content = 'gone fox'`);
    const found = async (q) => contentsOf([await ok('bob', search(id, q))]);
    assert.deepEqual(await found('fox'), ['quick dog, lazy FOX', 'The quick brown fox']);
    assert.deepEqual(await found('quick lazy'), ['quick dog, lazy FOX']);
    assert.deepEqual(await found('"brown fox"'), ['The quick brown fox']);
    assert.deepEqual(await found('brown or lazy'), ['quick dog, lazy FOX', 'a lazy dog', 'The quick brown fox']);
    assert.deepEqual(await found('lazy -fox'), ['a lazy dog']);
    assert.equal((await found('grüße'))[0], (await found('bold'))[0]);
    assert.deepEqual(await found('fo'), []);
    assert.deepEqual(await found('\'; DROP TABLE chat_message; --'), []);
    const plus = await ok('bob', `/api/channels/${id}/search/?q=quick+lazy`);
    assert.deepEqual(Object.keys(plus).sort(), PAGE_KEYS);
    assert.deepEqual(contentsOf([plus]), ['quick dog, lazy FOX']);
    assert.deepEqual([plus.next, plus.edited, plus.deleted], [null, {}, {}]);
    assert.ok(plus.seq >= 6 && message.id > 0);
    await client.close();
  });

  test('goes on page by page, also past a long stretch without the words', async () => {
    const id = await freshChannel();
    await fill(id, 10, "'a needle ' || i || ' & ümlaut'");
    await fill(id, 12_000, "'hay ' || i");
    await fill(id, 5, "'new needle ' || i || ' ümlaut'");
    const pages = await walk('bob', search(id, 'needle ümlaut', '&limit=4'));
    assert.ok(pages.length > 3);
    assert.ok(pages.slice(0, -1).every((page) => page.results.length <= 4));
    assert.deepEqual(contentsOf(pages), [
      ...Array.from({ length: 5 }, (_, i) => `new needle ${5 - i} ümlaut`),
      ...Array.from({ length: 10 }, (_, i) => `a needle ${10 - i} & ümlaut`)]);
    const barren = await walk('bob', search(id, 'nowhere'));
    assert.deepEqual([contentsOf(barren), barren.length], [[], 2]);
    const early = await ok('bob', search(id, 'needle', `&before=${pages.at(-1).results.at(-1).id}`));
    assert.deepEqual([early.results, early.next], [[], null]);
  });

  test('bad values: 400', async () => {
    const id = channelId('general');
    for (const query of ['', '?q=', '?q=%20+%09', `?q=${'x'.repeat(257)}`, '?q=%ff', '?q=%00', '?q=%']) {
      assertComplaints(await get('alice', `/api/channels/${id}/search/${query}`), 'q');
    }
    assert.equal((await get('alice', `/api/channels/${id}/search/?q=${'x'.repeat(256)}`)).status, 200);
    assertComplaints(await get('alice', `/api/channels/${id}/search/?limit=0`), 'limit', 'q');
    assertComplaints(await get('alice', `/api/channels/${id}/search/?q=x&before=y`), 'before');
  });
});

describe('when listings cannot be had', () => {
  test('their connection is lost: chat goes on, and so do they soon', async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    await system.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'kibray-broker/api'`);
    await client.say('still here');
    await until(async () => (await get('alice', '/api/channels/')).status === 200, 15_000, 'listings');
    assert.ok(client.isOpen);
    await client.close();
  });

  test('a listing that takes too long: 503 in time', async () => {
    const lock = system.sqlExec('BEGIN; LOCK chat_membership; SELECT pg_sleep(6); COMMIT');
    await until(async () => (await system.sql(`SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
      WHERE c.relname = 'chat_membership' AND l.mode = 'AccessExclusiveLock' AND l.granted`)).length > 0);
    const answer = await get('alice', '/api/channels/');
    assertError(answer, 503, 'SERVICE_UNAVAILABLE');
    assert.ok(answer.headers.get('retry-after'));
    await lock;
    assert.equal((await get('alice', '/api/channels/')).status, 200);
  });
});
