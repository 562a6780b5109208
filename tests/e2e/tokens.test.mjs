// SPDX-License-Identifier: MIT
// The token routes: what they give, what they refuse, and how guessing is slowed down.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { claimsOf, forgeToken, headerOf } from './lib/credentials.mjs';
import { start } from './lib/system.mjs';

const FAILURES_PER_MINUTE = 10;

let system;
before(async () => {
  system = await start({ gateways: 2 });
});
after(() => system.stop());

const post = (path, body, options) => system.http(path, { body, ...options });
const assertInvalidToken = (answer) => {
  assert.equal(answer.status, 401);
  assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'detail']);
  assert.equal(answer.body.code, 'token_not_valid');
};

describe('POST /api/token/', () => {
  test('gives two tokens with the claims of SimpleJWT', async () => {
    const { status, headers, body } = await system.login('alice');
    assert.equal(status, 200);
    assert.match(headers.get('content-type'), /^application\/json/);
    assert.deepEqual(Object.keys(body).sort(), ['access', 'refresh']);
    for (const [type, lifetime] of [['access', 3600], ['refresh', 86_400]]) {
      assert.deepEqual(headerOf(body[type]), { alg: 'HS256', typ: 'JWT' });
      const claims = claimsOf(body[type]);
      assert.deepEqual(Object.keys(claims).sort(), ['exp', 'iat', 'jti', 'sid', 'token_type', 'user_id']);
      assert.equal(claims.sid, claimsOf(body.refresh).jti);
      assert.equal(claims.token_type, type);
      assert.equal(claims.exp - claims.iat, lifetime);
      assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 5);
      assert.equal(`${claims.user_id}`, `${system.user('alice').id}`);
    }
    assert.notEqual(claimsOf(body.access).jti, claimsOf(body.refresh).jti);
  });

  test('says the same of a wrong password, an unknown user and an inactive one', async () => {
    await system.addUser('former');
    await system.broker(['user', 'deactivate', 'former']);
    const answers = [await system.login('bob', 'wrong'), await system.login('nobody-here', 'wrong'),
      await system.login('former')];
    for (const { status, body } of answers) {
      assert.equal(status, 401);
      assert.deepEqual(body, {
        detail: 'No active account found with the given credentials', code: 'AUTHENTICATION_FAILED',
      });
    }
  });

  test('takes as long for an unknown user as for a wrong password', async () => {
    const seconds = async (username) => {
      const times = [];
      for (let i = 0; i < 3; i++) {
        const from = process.hrtime.bigint();
        assert.equal((await system.login(username, 'wrong')).status, 401);
        times.push(Number(process.hrtime.bigint() - from) / 1e9);
      }
      return times.sort((a, b) => a - b)[1];
    };
    const [known, unknown] = [await seconds('carol'), await seconds('nobody-at-all')];
    assert.ok(Math.max(known, unknown) < 2 * Math.min(known, unknown), `${known} s and ${unknown} s`);
  });

  const required = ['This field is required.'];
  const complaints = [
    [{}, { username: required, password: required }],
    [{ password: 'x' }, { username: required }],
    [{ username: 'alice' }, { password: required }],
  ];
  for (const [body, expected] of complaints) {
    test(`${JSON.stringify(body)}: 400 with a complaint for each field`, async () => {
      const answer = await post('/api/token/', body);
      assert.equal(answer.status, 400);
      assert.deepEqual(answer.body, expected);
    });
  }

  test('empty and mistyped fields: 400', async () => {
    for (const body of [{ username: '', password: '' }, { username: 1, password: [] }, { username: null, password: null }]) {
      const answer = await post('/api/token/', body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.deepEqual(Object.keys(answer.body).sort(), ['password', 'username']);
    }
  });
});

describe('guessing', () => {
  test('after ten failures of a user 429, but the right password is never locked out', async () => {
    await system.addUser('victim');
    for (let i = 0; i < FAILURES_PER_MINUTE; i++) {
      assert.equal((await system.login('victim', `guess ${i}`, i % 2)).status, 401, `guess ${i}`);
    }
    for (const gateway of [0, 1]) {
      const answer = await system.login('victim', 'one more', gateway);
      assert.equal(answer.status, 429);
      assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'detail']);
      const wait = Number(answer.headers.get('retry-after'));
      assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60, `Retry-After ${wait}`);
    }
    assert.equal((await system.login('victim')).status, 200);
    assert.equal((await system.login('alice')).status, 200);
  });

  test('a user who does not exist is treated no differently', async () => {
    const statuses = [];
    for (let i = 0; i <= FAILURES_PER_MINUTE; i++) {
      statuses.push((await system.login('phantom', `guess ${i}`)).status);
    }
    assert.deepEqual(statuses, [...Array(FAILURES_PER_MINUTE).fill(401), 429]);
  });
});

describe('POST /api/token/refresh/', () => {
  test('gives a new access token for the same user', async () => {
    const { body: { refresh } } = await system.login('alice');
    const answer = await post('/api/token/refresh/', { refresh });
    assert.equal(answer.status, 200);
    assert.deepEqual(Object.keys(answer.body), ['access']);
    const claims = claimsOf(answer.body.access);
    assert.equal(claims.token_type, 'access');
    assert.equal(`${claims.user_id}`, `${system.user('alice').id}`);
    assert.equal((await post('/api/token/verify/', { token: answer.body.access })).status, 200);
  });

  test('refuses what is no good refresh token', async () => {
    const { body: { access } } = await system.login('alice');
    const secret = system.info.secret_key;
    const bad = [access, 'x', '', forgeToken(secret, { user_id: 1, token_type: 'refresh', exp: 1 }),
      forgeToken('z'.repeat(40), { user_id: 1, token_type: 'refresh' })];
    for (const refresh of bad.filter(Boolean)) {
      assertInvalidToken(await post('/api/token/refresh/', { refresh }));
    }
    assert.equal((await post('/api/token/refresh/', {})).status, 400);
  });

  test('refuses that of a user who has been deactivated', async () => {
    await system.addUser('leaver');
    const { body: { refresh } } = await system.login('leaver');
    await system.broker(['user', 'deactivate', 'leaver']);
    assert.equal((await post('/api/token/refresh/', { refresh })).status, 401);
  });
});

describe('POST /api/token/verify/', () => {
  test('{} for a good token of either kind', async () => {
    const { body: { access, refresh } } = await system.login('alice');
    for (const token of [access, refresh]) {
      const answer = await post('/api/token/verify/', { token });
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, {});
    }
  });

  test('401 for others', async () => {
    const secret = system.info.secret_key;
    for (const token of ['x', 'a.b.c', forgeToken(secret, { user_id: 1, exp: 1 }),
      forgeToken(secret, { user_id: 1 }, { alg: 'none' }), forgeToken('k'.repeat(40), { user_id: 1 })]) {
      assertInvalidToken(await post('/api/token/verify/', { token }));
    }
  });
});

describe('HTTP as such', () => {
  const statusOf = async (path, options) => (await system.http(path, options)).status;
  test('malformed JSON: 400', async () => {
    for (const body of ['{', '[]', '"x"', 'username=alice']) {
      assert.equal(await statusOf('/api/token/', { body }), 400, body);
    }
  });
  test('another method: 405; nothing there: 404', async () => {
    assert.equal(await statusOf('/api/token/'), 405);
    assert.equal(await statusOf('/api/nothing/'), 404);
    assert.equal(await statusOf('/nothing'), 404);
  });
  test('a body of more than 64 KiB: 413', async () => {
    const pad = 'x'.repeat(65_536 - '{"username":"a","password":"b","pad":""}'.length);
    assert.equal(await statusOf('/api/token/', { body: { username: 'a', password: 'b', pad } }), 401);
    assert.equal(await statusOf('/api/token/', { body: { username: 'a', password: 'b', pad: `${pad}x` } }), 413);
  });
  test('errors are {"detail","code"}', async () => {
    for (const options of [{ body: '{' }, {}]) {
      const { body } = await system.http('/api/token/', options);
      assert.deepEqual(Object.keys(body).sort(), ['code', 'detail']);
    }
  });
});
