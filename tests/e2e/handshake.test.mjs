// SPDX-License-Identifier: MIT
// Opening a socket: what is refused in HTTP, what after the upgrade, and what opens.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, chatUrl, refusal } from './lib/client.mjs';
import { forgeToken, makeSession } from './lib/credentials.mjs';
import { Raw, closeCodeOf, frame, head } from './lib/echo_server.mjs';
import { start } from './lib/system.mjs';

const TRUSTED = 'https://chat.example.com';

let system;
before(async () => {
  system = await start({ env: { CSRF_TRUSTED_ORIGINS: `${TRUSTED},http://other.example.com:8080` } });
});
after(() => system.stop());

const now = () => Math.floor(Date.now() / 1000);
const forge = (claims, header, secret = system.info.secret_key) => forgeToken(secret, claims, header);
const aliceToken = () => system.token('alice');

const request = (changes = {}, first = 'GET /ws/chat/general/ HTTP/1.1') => [first, ...Object.entries({
  Host: `127.0.0.1:${system.info.port}`, Upgrade: 'websocket', Connection: 'Upgrade',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13', ...changes,
}).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}`)];

/** Connect, expect a refusal after the upgrade: one error frame, then the close. */
async function expectRefused(url, options, code, closeCode) {
  const client = new Client(url, options);
  const { code: got } = await client.closed;
  assert.equal(got, closeCode);
  assert.equal(client.frames.length, 1);
  const [error] = client.frames;
  assert.deepEqual(Object.keys(error).sort(), ['code', 'error', 'type']);
  assert.equal(error.type, 'error');
  assert.equal(error.code, code);
  assert.ok(error.error.length > 0);
}

describe('refused before the upgrade', () => {
  const cases = [
    ['a Host that is not allowed', { headers: { Host: 'evil.example.com' } }, 400],
    ['an allowed Host as a prefix of another', { headers: { Host: 'localhost.example.com' } }, 400],
    ['another origin', { origin: 'http://evil.example.com' }, 403],
    ['the origin null', { origin: 'null' }, 403],
    ['an origin with another port', { origin: 'http://127.0.0.1:1' }, 403],
    ['a trusted origin with more behind it', { origin: `${TRUSTED}.evil.example` }, 403],
    ['a trusted origin under another scheme', { origin: 'http://chat.example.com' }, 403],
    ['a trusted origin with a path', { origin: `${TRUSTED}/` }, 403],
  ];
  for (const [name, options, status] of cases) {
    test(`${name}: ${status}`, async () => {
      const answer = await refusal(chatUrl(system, 'general', { token: await aliceToken() }), options);
      assert.equal(answer.status, status);
    });
  }

  test('a cookie without an Origin: 403', async () => {
    const answer = await refusal(chatUrl(system, 'general'), { headers: { Cookie: 'sessionid=abc' } });
    assert.equal(answer.status, 403);
  });

  const paths = ['/', '/ws/', '/ws/chat/', '/ws/chat/general/more/', '/ws/chat//', '/ws/nothing/',
    '/ws/chat/a.b/', '/ws/chat/a%20b/', `/ws/chat/${'x'.repeat(101)}/`, '/WS/chat/general/'];
  for (const path of paths) {
    test(`the path ${path.slice(0, 30)}: 404`, async () => {
      const answer = await refusal(system.info.ws_url + path);
      assert.equal(answer.status, 404);
    });
  }

  const answerTo = async (lines) => {
    const raw = await Raw.upgraded(system.info.urls[0], { lines });
    raw.destroy();
    return raw;
  };
  test('another method than GET: 405', async () => {
    assert.equal((await answerTo(request({}, 'POST /ws/chat/general/ HTTP/1.1'))).status, 405);
  });
  test('another version than 13: 426, which names 13', async () => {
    const answer = await answerTo(request({ 'Sec-WebSocket-Version': '8' }));
    assert.equal(answer.status, 426);
    assert.match(answer.bytes.toString(), /\r\nsec-websocket-version: 13\r\n/i);
  });
  test('no Host: 400', async () => {
    assert.equal((await answerTo(request({ Host: undefined }))).status, 400);
  });
  test('a control byte in a header: 400', async () => {
    assert.equal((await answerTo(request({ 'User-Agent': 'a\x01b' }))).status, 400);
  });
  test('a byte that is not ASCII in a header: 400', async () => {
    assert.equal((await answerTo(request({ 'User-Agent': 'a\u00e9b' }))).status, 400);
  });
});

describe('refused after the upgrade', () => {
  const tokens = [
    ['no credentials', () => undefined],
    ['an empty token', () => ''],
    ['no token at all', () => 'nonsense'],
    ['a token with another key', () => forge({ user_id: 1 }, {}, 'x'.repeat(50))],
    ['an expired token', () => forge({ user_id: 1, exp: now() - 1 })],
    ['a token that expires now', () => forge({ user_id: 1, exp: now() })],
    ['a token without exp', () => forge({ user_id: 1, exp: undefined })],
    ['a refresh token', () => forge({ user_id: 1, token_type: 'refresh' })],
    ['a token without a type', () => forge({ user_id: 1, token_type: undefined })],
    ['a token without a user', () => forge({})],
    ['a token of nobody', () => forge({ user_id: 999_999 })],
    ['alg none', () => forge({ user_id: 1 }, { alg: 'none' })],
    ['alg HS512', () => forge({ user_id: 1 }, { alg: 'HS512' })],
    ['a token cut short', async () => (await aliceToken()).slice(0, -2)],
  ];
  for (const [name, make] of tokens) {
    test(`${name}: 4401`, async () => {
      const token = await make();
      await expectRefused(chatUrl(system, 'general', { token }), {}, 'AUTHENTICATION_FAILED', 4401);
    });
  }

  test('an inactive user: 4401', async () => {
    await system.addUser('gone');
    const token = await system.token('gone');
    await system.broker(['user', 'deactivate', 'gone']);
    await expectRefused(chatUrl(system, 'general', { token }), {}, 'AUTHENTICATION_FAILED', 4401);
  });
  test('a private channel of others: 4403', async () => {
    const token = await system.token('carol');
    await expectRefused(chatUrl(system, 'leads', { token }), {}, 'PERMISSION_DENIED', 4403);
  });
  test('a channel that does not exist, by name and by id: 4404', async () => {
    const token = await aliceToken();
    for (const room of ['nowhere', '999999', 'x'.repeat(100)]) {
      await expectRefused(chatUrl(system, room, { token }), {}, 'CHANNEL_NOT_FOUND', 4404);
    }
  });
  test('a bad token is not saved by a good session', async () => {
    const cookie = `sessionid=${await makeSession(system, 'alice')}`;
    const options = { origin: system.info.url, headers: { Cookie: cookie } };
    await expectRefused(chatUrl(system, 'general', { token: 'bad' }), options, 'AUTHENTICATION_FAILED', 4401);
  });

  const sessions = [
    ['an expired session', { expiresIn: '-1 second' }],
    ['a session signed with another key', { secret: 'y'.repeat(50) }],
    ['a session of another password', { authHash: '0'.repeat(64) }],
  ];
  for (const [name, options] of sessions) {
    test(`${name}: 4401`, async () => {
      const cookie = `sessionid=${await makeSession(system, 'alice', options)}`;
      await expectRefused(chatUrl(system, 'general'), { origin: system.info.url, headers: { Cookie: cookie } },
        'AUTHENTICATION_FAILED', 4401);
    });
  }
});

describe('opens', () => {
  const opens = async (url, options = {}) => {
    const client = new Client(url, options);
    const hello = await client.next();
    assert.equal(hello.type, 'connection_established', JSON.stringify(hello));
    await client.close();
    return hello;
  };

  test('the first frame has exactly the documented keys', async () => {
    const hello = await opens(chatUrl(system, 'leads', { token: await aliceToken() }));
    assert.deepEqual(hello, {
      type: 'connection_established', endpoint: 'chat', user_id: system.user('alice').id, username: 'alice',
      channel_id: system.channel('leads').id, channel: 'leads', seq: 0, resumed: false,
      online_users: [{ user_id: system.user('alice').id, username: 'alice', status: 'online' }],
    });
  });
  test('by the channel\'s id', async () => {
    const { id } = system.channel('general');
    const hello = await opens(chatUrl(system, id, { token: await aliceToken() }));
    assert.equal(hello.channel, 'general');
  });
  test('without the last slash', async () => {
    const url = chatUrl(system, 'general', { token: await aliceToken() });
    await opens(url.replace('/?', '?'));
  });
  test('with unknown query keys', async () => {
    await opens(`${chatUrl(system, 'general', { token: await aliceToken() })}&colour=blue`);
  });
  test('with a token made by another SimpleJWT', async () => {
    const { id } = system.user('bob');
    const hello = await opens(chatUrl(system, 'general', { token: forge({ user_id: id }) }));
    assert.equal(hello.username, 'bob');
  });
  test('with Authorization: Bearer', async () => {
    await opens(chatUrl(system, 'general'), { headers: { Authorization: `Bearer ${await aliceToken()}` } });
  });
  test('with the subprotocol bearer, which alone is echoed', async () => {
    const client = new Client(chatUrl(system, 'general'), { protocols: ['bearer', await aliceToken()] });
    assert.equal((await client.next()).type, 'connection_established');
    assert.equal(client.socket.protocol, 'bearer');
    await client.close();
  });
  test('with a Django session and an Origin', async () => {
    const cookie = `a=b; sessionid=${await makeSession(system, 'carol')}; c=d`;
    const hello = await opens(chatUrl(system, 'board'), { origin: system.info.url, headers: { Cookie: cookie } });
    assert.equal(hello.username, 'carol');
  });

  const origins = [() => system.info.url, () => system.info.url.replace(/^https?/, 'https'), () => TRUSTED,
    () => 'http://other.example.com:8080'];
  for (const [index, origin] of origins.entries()) {
    test(`with an origin of its own or a trusted one (${index})`, async () => {
      await opens(chatUrl(system, 'general', { token: await aliceToken() }), { origin: origin() });
    });
  }
  for (const host of ['localhost', 'LOCALHOST', '[::1]', '127.0.0.1']) {
    test(`with the Host ${host}`, async () => {
      const options = { headers: { Host: `${host}:${system.info.port}` } };
      await opens(chatUrl(system, 'general', { token: await aliceToken() }), options);
    });
  }
});

test('a socket that breaks the protocol is closed with 1002, invalid UTF-8 with 1007', async () => {
  const cases = [[frame(0x83, 'x'), 1002], [frame(0x81, Buffer.from([0xff, 0xfe])), 1007]];
  for (const [bytes, code] of cases) {
    const lines = request({}, `GET /ws/chat/general/?token=${await aliceToken()} HTTP/1.1`);
    const connection = await Raw.upgraded(system.info.urls[0], { lines, more: [bytes] });
    await connection.end();
    assert.equal(closeCodeOf(connection.frames), code);
  }
});
