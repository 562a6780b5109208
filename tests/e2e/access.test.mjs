// SPDX-License-Identifier: MIT
// Who may be here, and for how long: logins by cookie, revoked tokens, direct channels, and sockets
// that are closed when a right ends, whoever ends it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, chatUrl } from './lib/client.mjs';
import { claimsOf, makeSession } from './lib/credentials.mjs';
import { start } from './lib/system.mjs';

const KICK_MS = 5000;
const SECOND_KICK_MS = 4500;    // after the first: then it has been, too

let system;
before(async () => {
  system = await start({ gateways: 2, brokers: 2 });
});
after(() => system.stop());

const post = (path, body, headers = {}) => system.http(path, { body, method: 'POST', headers });
const origin = (gateway = 0) => system.info.urls[gateway].replace(/\/$/, '');
const me = async (headers) => (await system.http('/api/users/me/', { headers })).status;
const cookieOf = (answer) => answer.headers.get('set-cookie') ?? '';
const secure = () => (origin().startsWith('https:') ? ['Secure'] : []);
const keyOf = (answer) => /^sessionid=([a-z0-9]*);/.exec(cookieOf(answer))?.[1];

/** A socket by a session's cookie, as a browser opens it. */
const byCookie = (key, room = 'general', gateway = 0) => Client.chat(system, room, {
  gateway, headers: { Cookie: `sessionid=${key}`, Origin: origin(gateway) },
});

/** What somebody hears who is not let in: { code, close }. */
async function refusedFrom(room, { token, headers } = {}) {
  const client = new Client(chatUrl(system, room, { token }), { headers });
  const frame = await client.next();
  assert.equal(frame.type, 'error', JSON.stringify(frame));
  return { code: frame.code, close: (await client.closed).code };
}

let people = 0;
/** A new user with nothing yet: { name, id, password }. */
async function newUser() {
  const name = `person${++people}`;
  await system.addUser(name);
  const [{ id }] = await system.sql(`SELECT id FROM auth_user WHERE username = '${name}'`);
  return { name, id, password: `${name}-password` };
}

let rooms = 0;
async function newRoom({ isPrivate = false, members = [] } = {}) {
  const name = `room${++rooms}`;
  await system.sqlExec(`INSERT INTO chat_channel (name, is_private) VALUES ('${name}', ${isPrivate})`);
  const [{ id }] = await system.sql(`SELECT id FROM chat_channel WHERE name = '${name}'`);
  for (const member of members) {
    await system.sqlExec(`INSERT INTO chat_membership (channel_id, user_id) VALUES (${id}, ${member.id})`);
  }
  return { name, id };
}

const tokensOf = async ({ name, password }) => (await system.login(name, password)).body;

/** Closed with this code within 5 s, after an error frame of this code (unless null). */
async function assertKicked(client, close, code) {
  const from = Date.now();
  const info = await Promise.race([client.closed, delay(KICK_MS, null, { ref: false })]);
  assert.ok(info, `not closed within ${KICK_MS} ms`);
  assert.equal(info.code, close, JSON.stringify(info));
  const error = client.frames.findLast((frame) => frame.type === 'error');
  assert.equal(error?.code ?? null, code);
  return Date.now() - from;
}

describe('login by cookie', () => {
  test('gives the user and a cookie that opens sockets', async () => {
    const answer = await post('/api/login/', { username: 'alice', password: 'alice-password' });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, {
      id: system.user('alice').id, username: 'alice', is_staff: false, avatar: '',
    });
    const attributes = cookieOf(answer).split('; ').slice(1);
    assert.deepEqual(attributes, ['Path=/', 'HttpOnly', 'SameSite=Lax', 'Max-Age=1209600', ...secure()]);
    assert.equal(await me({ Cookie: `sessionid=${keyOf(answer)}` }), 200);
    const client = await byCookie(keyOf(answer), 'general', 1);
    assert.equal(client.hello.username, 'alice');
    await client.close();
    const [row] = await system.sql(`SELECT expire_date - now() > interval '13 days' AS lives
      FROM django_session WHERE session_key = '${keyOf(answer)}'`);
    assert.equal(row.lives, true);
  });

  test('refuses a wrong password as the token route does, and sets nothing', async () => {
    const answer = await post('/api/login/', { username: 'alice', password: 'wrong' });
    assert.equal(answer.status, 401);
    assert.equal(answer.body.code, 'AUTHENTICATION_FAILED');
    assert.equal(cookieOf(answer), '');
    assert.equal((await post('/api/login/', {})).status, 400);
  });

  test('logout ends the session, takes the cookie away and closes its sockets', async () => {
    const key = keyOf(await post('/api/login/', { username: 'alice', password: 'alice-password' }));
    const other = await Client.chat(system, 'general', { user: 'alice' });
    const client = await byCookie(key, 'general', 1);
    const answer = await post('/api/logout/', undefined, { Cookie: `sessionid=${key}`, Origin: origin() });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, {});
    assert.equal(cookieOf(answer), ['sessionid=', 'Path=/', 'HttpOnly', 'SameSite=Lax', 'Max-Age=0', ...secure()].join('; '));
    await assertKicked(client, 4401, 'AUTHENTICATION_FAILED');
    assert.equal(await me({ Cookie: `sessionid=${key}` }), 401);
    assert.deepEqual(await refusedFrom('general', {
      headers: { Cookie: `sessionid=${key}`, Origin: origin() },
    }), { code: 'AUTHENTICATION_FAILED', close: 4401 });
    await other.ping();
    await other.close();
  });

  test('logout without a session: 200 all the same', async () => {
    assert.equal((await post('/api/logout/')).status, 200);
  });

  test('another site cannot send a login, a logout, or anything by the cookie', async () => {
    const key = keyOf(await post('/api/login/', { username: 'bob', password: 'bob-password' }));
    const cookie = { Cookie: `sessionid=${key}` };
    const evil = { Origin: 'https://evil.example' };
    const refused = [
      await post('/api/login/', { username: 'alice', password: 'alice-password' }, evil),
      await post('/api/logout/', undefined, { ...cookie, ...evil }),
      await post('/api/token/verify/', { token: 'x' }, { ...cookie, ...evil }),
      await post('/api/token/verify/', { token: 'x' }, { ...cookie, Origin: 'null' }),
    ];
    for (const { status, body } of refused) {
      assert.equal(status, 403);
      assert.equal(body.code, 'PERMISSION_DENIED');
    }
    assert.equal((await post('/api/token/verify/', { token: 'x' }, evil)).status, 401);
    const bearer = { Authorization: `Bearer ${await system.token('bob')}` };
    assert.equal((await post('/api/token/verify/', { token: 'x' }, { ...cookie, ...evil, ...bearer })).status, 401);
    const client = await byCookie(key);
    await client.close();
  });
});

describe('POST /api/token/blacklist/', () => {
  test('ends a refresh token, and all that came from it', async () => {
    const user = await newUser();
    const [first, second] = [await tokensOf(user), await tokensOf(user)];
    const ended = await Client.chat(system, 'general', { token: first.access });
    const unharmed = await Client.chat(system, 'general', { token: second.access, gateway: 1 });
    const later = (await post('/api/token/refresh/', { refresh: first.refresh })).body.access;

    const answer = await post('/api/token/blacklist/', { refresh: first.refresh });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, {});
    for (const [path, body] of [
      ['refresh', { refresh: first.refresh }], ['verify', { token: first.refresh }],
      ['verify', { token: later }], ['blacklist', { refresh: first.refresh }],
      ['blacklist', { refresh: second.access }], ['blacklist', { refresh: 'x' }]]) {
      const { status, body: { code } } = await post(`/api/token/${path}/`, body);
      assert.deepEqual([status, code], [401, 'token_not_valid'], path);
    }
    await assertKicked(ended, 4401, 'AUTHENTICATION_FAILED');
    for (const token of [first.access, later]) {
      assert.equal(await me({ Authorization: `Bearer ${token}` }), 401);
      assert.deepEqual(await refusedFrom('general', { token }), { code: 'AUTHENTICATION_FAILED', close: 4401 });
    }
    await delay(SECOND_KICK_MS);
    await unharmed.ping();
    assert.equal((await post('/api/token/refresh/', { refresh: second.refresh })).status, 200);
    await unharmed.close();
  });
});

describe('a newer token for an open socket', () => {
  test('is taken when it is the same user\'s', async () => {
    const user = await newUser();
    const client = await Client.chat(system, 'general', { token: (await tokensOf(user)).access });
    const { access } = await tokensOf(user);
    client.send({ type: 'refresh_token', token: access });
    const frame = await client.next('token_refreshed');
    assert.equal(Date.parse(frame.expires_at), claimsOf(access).exp * 1000);
    for (const token of ['x', await system.token('bob'), (await tokensOf(user)).refresh]) {
      client.send({ type: 'refresh_token', token });
      assert.equal((await client.next('error')).code, 'AUTHENTICATION_FAILED');
    }
    await client.ping();
    await client.close();
  });
});

describe('direct channels', () => {
  test('are one room for two people', async () => {
    const [a, b, c] = [await newUser(), await newUser(), await newUser()];
    const [atA, atB] = await Promise.all([
      Client.chat(system, `direct/${b.id}`, { user: a.name }),
      Client.chat(system, `direct/${a.id}`, { user: b.name, gateway: 1 }),
    ]);
    assert.equal(atA.hello.channel_id, atB.hello.channel_id);
    await atA.say('only for you');
    const { message } = await atB.next('chat_message');
    assert.equal(message.content, 'only for you');
    assert.equal(message.author.id, a.id);
    const byId = await Client.chat(system, `${atA.hello.channel_id}`, { user: b.name });
    assert.deepEqual(await refusedFrom(`${atA.hello.channel_id}`, { token: await system.token(c.name) }),
      { code: 'PERMISSION_DENIED', close: 4403 });
    await Promise.all([atA.close(), atB.close(), byId.close()]);
  });

  test('need another one who is there', async () => {
    const [a, gone] = [await newUser(), await newUser()];
    await system.broker(['user', 'deactivate', gone.name]);
    const token = await system.token(a.name);
    for (const id of [gone.id, a.id, 987_654]) {
      assert.deepEqual(await refusedFrom(`direct/${id}`, { token }), { code: 'CHANNEL_NOT_FOUND', close: 4404 });
    }
  });
});

describe('kicks', () => {
  const sql = (text) => (user) => system.sqlExec(text.replaceAll('$id', `${user.id}`));
  const ends = [
    ['deactivated by the command', (user) => system.broker(['user', 'deactivate', user.name])],
    ['deactivated by SQL', sql('UPDATE auth_user SET is_active = false WHERE id = $id')],
    ['another password by the command',
      (user) => system.broker(['user', 'passwd', user.name], { KIBRAY_PASSWORD: 'other-password' })],
    ['another password by SQL', sql('UPDATE auth_user SET password = \'!\' WHERE id = $id')],
    ['deleted by SQL', sql('DELETE FROM auth_user WHERE id = $id')],
  ];
  for (const [name, end] of ends) {
    test(`a user is ${name}`, async () => {
      const user = await newUser();
      const { access } = await tokensOf(user);
      const other = await Client.chat(system, 'general', { user: 'alice', gateway: 1 });
      const clients = [
        await Client.chat(system, 'general', { token: access }),
        await Client.chat(system, 'random', { token: access, gateway: 1 }),
        await byCookie(await makeSession(system, user.name)),
      ];
      await end(user);
      await Promise.all(clients.map((client) => assertKicked(client, 4401, 'AUTHENTICATION_FAILED')));
      await other.ping();
      await other.close();
    });
  }

  test('who logs in anew right after the password change stays', async () => {
    const user = await newUser();
    const old = await Client.chat(system, 'general', { token: (await tokensOf(user)).access });
    await system.broker(['user', 'passwd', user.name], { KIBRAY_PASSWORD: 'other-password' });
    await assertKicked(old, 4401, 'AUTHENTICATION_FAILED');
    const { access } = await tokensOf({ ...user, password: 'other-password' });
    const clients = await Promise.all([0, 1].map((gateway) =>
      Client.chat(system, 'general', { token: access, gateway })));
    await delay(SECOND_KICK_MS);
    for (const client of clients) {
      await client.ping();
      await client.close();
    }
  });

  test('who is opened meanwhile, from what a broker remembers, is found the second time', async () => {
    const user = await newUser();
    const { access } = await tokensOf(user);
    const clients = [];
    const open = async (gateway) => {
      const client = await Client.chat(system, 'general', { token: access, gateway }).catch(() => null);
      clients.push(...(client ? [client] : []));
    };
    await Promise.all([0, 1, 0, 1, 0, 1].map(open));    // now every broker has read the row
    await system.broker(['user', 'deactivate', user.name]);
    const from = Date.now();
    for (let i = 0; Date.now() - from < 2500; i++) {    // on whichever broker each of them comes
      await open(i % 2);
      await delay(50);
    }
    assert.ok(clients.length >= 6);
    await Promise.all(clients.map((client) => assertKicked(client, 4401, 'AUTHENTICATION_FAILED')));
    assert.ok(Date.now() - from < KICK_MS + 500);
  });

  test('a session that is deleted by SQL', async () => {
    const user = await newUser();
    const [key, otherKey] = [await makeSession(system, user.name), await makeSession(system, user.name)];
    const [client, other] = [await byCookie(key), await byCookie(otherKey)];
    await system.sqlExec(`DELETE FROM django_session WHERE session_key = '${key}'`);
    await assertKicked(client, 4401, 'AUTHENTICATION_FAILED');
    await other.ping();
    await other.close();
  });

  test('a token family that is revoked by SQL', async () => {
    const user = await newUser();
    const [first, second] = [await tokensOf(user), await tokensOf(user)];
    const client = await Client.chat(system, 'general', { token: first.access });
    const other = await Client.chat(system, 'general', { token: second.access });
    await system.sqlExec(`INSERT INTO token_blacklist VALUES
      ('${claimsOf(first.refresh).jti}', now() + interval '1 day')`);
    await assertKicked(client, 4401, 'AUTHENTICATION_FAILED');
    await other.ping();
    await other.close();
  });

  test('a member who is put out of a private channel', async () => {
    const [a, b] = [await newUser(), await newUser()];
    const room = await newRoom({ isPrivate: true, members: [a, b] });
    const client = await Client.chat(system, room.name, { user: a.name });
    const elsewhere = await Client.chat(system, 'general', { user: a.name });
    const other = await Client.chat(system, room.name, { user: b.name, gateway: 1 });
    await system.sqlExec(`DELETE FROM chat_membership WHERE channel_id = ${room.id} AND user_id = ${a.id}`);
    await assertKicked(client, 4403, 'PERMISSION_DENIED');
    await other.ping();
    await elsewhere.ping();
    await Promise.all([other.close(), elsewhere.close()]);
  });

  test('a member who is put out by the API', async () => {
    const user = await newUser();
    const room = await newRoom({ isPrivate: true, members: [user] });
    const client = await Client.chat(system, room.name, { user: user.name, gateway: 1 });
    const elsewhere = await Client.chat(system, 'general', { user: user.name });
    const { status } = await system.http(`/api/channels/${room.id}/members/`, {
      method: 'DELETE', body: { user_id: user.id },
      headers: { Authorization: `Bearer ${await system.token('admin')}` },
    });
    assert.equal(status, 204);
    await assertKicked(client, 4403, 'PERMISSION_DENIED');
    await elsewhere.ping();
    await elsewhere.close();
  });

  test('a channel that is deleted', async () => {
    const user = await newUser();
    const room = await newRoom();
    const clients = [0, 1].map((gateway) => Client.chat(system, room.name, { user: user.name, gateway }));
    const elsewhere = await Client.chat(system, 'general', { user: user.name });
    await system.sqlExec(`DELETE FROM chat_channel WHERE id = ${room.id}`);
    for (const client of await Promise.all(clients)) {
      await assertKicked(client, 4404, 'CHANNEL_NOT_FOUND');
    }
    await elsewhere.ping();
    await elsewhere.close();
  });

  test('a channel that becomes private: all go, members come back', async () => {
    const [member, guest] = [await newUser(), await newUser()];
    const room = await newRoom({ members: [member] });
    const [atMember, atGuest] = [await Client.chat(system, room.name, { user: member.name, since: 0 }),
      await Client.chat(system, room.name, { user: guest.name, gateway: 1 })];
    await system.sqlExec(`UPDATE chat_channel SET is_private = true WHERE id = ${room.id}`);
    await assertKicked(atMember, 1012, null);
    await assertKicked(atGuest, 1006, null);
    const back = await Client.chat(system, room.name, { user: member.name, since: 0 });
    assert.deepEqual(await refusedFrom(room.name, { token: await system.token(guest.name) }),
      { code: 'PERMISSION_DENIED', close: 4403 });
    await delay(SECOND_KICK_MS);
    await back.ping();
    await back.close();
  });

  test('who is no longer staff comes back as somebody else', async () => {
    const user = await newUser();
    await system.sqlExec(`UPDATE auth_user SET is_staff = true WHERE id = ${user.id}`);
    const client = await Client.chat(system, 'general', { user: user.name, since: 0 });
    await system.sqlExec(`UPDATE auth_user SET is_staff = false WHERE id = ${user.id}`);
    await assertKicked(client, 1012, null);
  });

  test('the table is empty in the end', async () => {
    await delay(KICK_MS);
    const [{ rows }] = await system.sql('SELECT count(*) AS rows FROM access_change');
    assert.equal(rows, 0);
  });

  test('a broker\'s death delays a kick, but loses none', async () => {
    const user = await newUser();
    const client = await Client.chat(system, 'general', { user: user.name });
    await system.kill('broker');
    await system.broker(['user', 'deactivate', user.name]);
    const info = await Promise.race([client.closed, delay(20_000, null, { ref: false })]);
    assert.equal(info?.code, 4401);
    await system.start('broker');
    await system.ready('broker');
  });
});
