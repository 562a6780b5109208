// SPDX-License-Identifier: MIT
// Django itself as the witness: on one database and with the same keys, what one side makes the
// other takes, and what one refuses the other refuses. Once with Debian's Django and once with the
// newest there is; that one is skipped where PyPI cannot be reached.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { claimsOf, forgeToken, headerOf } from './lib/credentials.mjs';
import { Pair, Site } from './lib/django.mjs';
import { debianDjango, newestDjango } from './lib/django_install.mjs';
import { run, start } from './lib/system.mjs';

const OTHER_KEY = 'another-secret-key-of-more-than-32-bytes';
const PASSWORD = 'Grüße, 世界 🔑';

/** An empty database on the server of a system; resolves to its URL. */
async function newDatabase({ varFolder, info }, name) {
  const url = new URL(info.database_url);
  const socket = await realpath(path.join(varFolder, 'postgres'));
  const { code, stderr } = await run('psql', ['-Xq', '-h', socket, '-p', url.port, '-U', 'postgres', '-c',
    `CREATE DATABASE ${name} OWNER ${url.username}`]);
  assert.equal(code, 0, stderr);
  url.pathname = `/${name}`;
  return url.href;
}

/** Django's tables as they are: columns, constraints and indexes. */
async function djangoTables(system) {
  const names = '\'^(auth_|django_content_type|django_session)\'';
  return [
    await system.sql(`SELECT table_name, column_name, data_type, character_maximum_length, is_nullable
      FROM information_schema.columns WHERE table_schema = 'public' AND table_name ~ ${names} ORDER BY 1, 2`),
    await system.sql(`SELECT conrelid::regclass::text AS of, conname, pg_get_constraintdef(oid) AS text
      FROM pg_constraint WHERE conrelid::regclass::text ~ ${names} ORDER BY 1, 2`),
    await system.sql(`SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename ~ ${names} ORDER BY 1`),
  ];
}

const cookieOf = (answer) => /^sessionid=([a-z0-9]*);/.exec(answer.headers.get('set-cookie') ?? '')?.[1];

/** The text with one character exchanged. */
const tampered = (text, at = 0) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

// ---- the tests; `at.pair` is there when they run ----

function passwordTests(at) {
  const login = (username, password) => Promise.all(['/api/token/', '/api/login/'].map(async (route) =>
    (await at.pair.post(route, { username, password })).status));

  for (const [hasher, username] of [['pbkdf2_sha256', 'Zoë.Łukasz+世界'], ['argon2', 'Ωmega@пример']]) {
    test(`${hasher}: a user whom Django made logs in here`, async (t) => {
      const { hash } = await at.pair.newUser({ username, password: PASSWORD, hasher });
      const [name, ...parameters] = hash.split('$').slice(0, -2);
      assert.equal(name, hasher);
      t.diagnostic(parameters.join(' '));
      assert.deepEqual(await login(username, PASSWORD), [200, 200]);
      assert.deepEqual(await login(username, PASSWORD.normalize('NFD')), [401, 401]);
    });
  }

  test('a user whom Django made inactive, or without a password, does not', async () => {
    const { pair } = at;
    await pair.newUser({ username: 'inactive', password: PASSWORD, is_active: false });
    await pair.newUser({ username: 'passwordless' });
    for (const username of ['inactive', 'passwordless']) {
      assert.deepEqual(await login(username, PASSWORD), [401, 401]);
      assert.equal((await pair.site.post('/api/token/', { username, password: PASSWORD })).status, 401);
    }
  });

  test('a user made here is authenticated by Django, whose new hash is taken here', async () => {
    const { system, site } = at.pair;
    const username = 'Жанна-世界';
    await system.broker(['user', 'add', username], { KIBRAY_PASSWORD: PASSWORD });
    assert.equal(await site.ask('authenticate', { username, password: `${PASSWORD}!` }), null);
    assert.equal(await site.ask('authenticate', { username, password: PASSWORD }), username);
    const [{ password }] = await system.sql(`SELECT password FROM auth_user WHERE username = '${username}'`);
    assert.equal(Number(password.split('$')[1]), await site.ask('pbkdf2_iterations'));
    assert.deepEqual(await login(username, PASSWORD), [200, 200]);
  });
}

function sessionTests(at) {
  test('one that Django\'s login made opens everything here', async () => {
    const { pair } = at;
    const user = await pair.newUser({ password: PASSWORD, hasher: 'argon2' });
    const { session } = await pair.site.post('/login/', { username: user.username, password: PASSWORD });
    assert.deepEqual(await pair.both({ session }), [user.username, user.username]);
  });

  test('one that was made here is a login in Django, and ends by Django\'s logout', async () => {
    const { pair } = at;
    const session = cookieOf(await pair.post('/api/login/', { username: 'alice', password: 'alice-password' }));
    assert.deepEqual(await pair.both({ session }), ['alice', 'alice']);
    const client = await pair.open({ session });
    assert.equal((await pair.site.post('/logout/', {}, { session })).status, 200);
    await pair.assertEnded(client, { session });
  });

  test('our logout is a logout in Django', async () => {
    const { pair } = at;
    const session = await pair.sessionOf(await pair.newUser());
    const client = await pair.open({ session });
    assert.equal((await pair.post('/api/logout/', undefined, { session })).status, 200);
    await pair.assertEnded(client, { session });
  });

  const update = ({ system }, session, set) =>
    system.sqlExec(`UPDATE django_session SET ${set} WHERE session_key = '${session}'`);
  const expired = async (pair, user) => {
    const session = await pair.sessionOf(user);
    await update(pair, session, 'expire_date = now() - interval \'1 second\'');
    return session;
  };
  const spoilt = (change) => async (pair, user) => {
    const session = await pair.sessionOf(user);
    const [row] = await pair.system.sql(`SELECT session_data FROM django_session WHERE session_key = '${session}'`);
    await update(pair, session, `session_data = '${change(row.session_data.split(':')).join(':')}'`);
    return session;
  };
  const refused = {
    'with other data': spoilt(([data, ...rest]) => [tampered(data, 12), ...rest]),
    'with another time': spoilt(([data, time, mac]) => [data, tampered(time, 5), mac]),
    'with another signature': spoilt(([data, time, mac]) => [data, time, tampered(mac)]),
    'that has expired': expired,
    'of another SECRET_KEY': (pair, user) => pair.sessionOf(user, { secret_key: OTHER_KEY }),
    'of another password': (pair, user) => pair.sessionOf(user, { auth_hash: '0'.repeat(64) }),
    'that is not there': async (pair, user) => tampered(await pair.sessionOf(user)),
  };
  for (const [name, make] of Object.entries(refused)) {
    test(`one ${name} is nobody's on both sides`, async () => {
      const session = await make(at.pair, await at.pair.newUser());
      assert.deepEqual(await at.pair.both({ session }), [null, null]);
    });
  }

  test('Django\'s set_password ends the older ones', async () => {
    const { pair } = at;
    const user = await pair.newUser();
    const session = await pair.sessionOf(user);
    const client = await pair.open({ session });
    await pair.site.ask('set_password', { username: user.username, password: PASSWORD });
    await pair.assertEnded(client, { session });
    const newer = await pair.sessionOf(user);
    assert.deepEqual(await pair.both({ session: newer }), [user.username, user.username]);
  });

  test('so does deactivating the user in Django', async () => {
    const { pair } = at;
    const user = await pair.newUser();
    const session = await pair.sessionOf(user);
    const client = await pair.open({ session });
    await pair.site.ask('deactivate', { username: user.username });
    await pair.assertEnded(client, { session });
  });

  test('Django\'s clearsessions removes expired ones only', async () => {
    const { pair } = at;
    const user = await pair.newUser();
    const [live, old] = [await pair.sessionOf(user), await expired(pair, user)];
    await pair.site.manage('clearsessions');
    const rows = await pair.system.sql(`SELECT session_key FROM django_session
      WHERE session_key IN ('${live}', '${old}')`);
    assert.deepEqual(rows, [{ session_key: live }]);
    assert.deepEqual(await pair.both({ session: live }), [user.username, user.username]);
  });
}

/** What verify and refresh answer, here and in Django: [[here, there], …]. */
async function statuses(pair, token) {
  return Promise.all([['verify', { token }], ['refresh', { refresh: token }]].map(async ([route, body]) => [
    (await pair.post(`/api/token/${route}/`, body)).status,
    (await pair.site.post(`/api/token/${route}/`, body)).status,
  ]));
}

function tokenTests(at, algorithm) {
  test('a pair that SimpleJWT made is as good here', async () => {
    const { pair } = at;
    const { username } = await pair.newUser({ password: PASSWORD, hasher: 'argon2' });
    const { body: { access, refresh } } = await pair.site.post('/api/token/', { username, password: PASSWORD });
    assert.equal(headerOf(access).alg, algorithm);
    assert.deepEqual(await pair.both({ token: access }), [username, username]);
    assert.deepEqual(await statuses(pair, access), [[200, 200], [401, 401]]);
    assert.deepEqual(await statuses(pair, refresh), [[200, 200], [200, 200]]);
    const { body } = await pair.post('/api/token/refresh/', { refresh });
    assert.deepEqual(await pair.both({ token: body.access }), [username, username]);
  });

  test('a pair that was made here is as good in Django, until it is revoked here', async () => {
    const { pair } = at;
    const { body: { access, refresh } } = await pair.system.login('alice');
    assert.equal(headerOf(access).alg, algorithm);
    assert.deepEqual(await pair.both({ token: access }), ['alice', 'alice']);
    assert.deepEqual(await statuses(pair, access), [[200, 200], [401, 401]]);
    assert.deepEqual(await statuses(pair, refresh), [[200, 200], [200, 200]]);
    const { body } = await pair.site.post('/api/token/refresh/', { refresh });
    assert.deepEqual(await pair.both({ token: body.access }), ['alice', 'alice']);
    await pair.post('/api/token/blacklist/', { refresh });
    assert.equal(await pair.who({ token: body.access }), null);
  });

  test('a refresh token opens nothing on either side', async () => {
    const { pair } = at;
    const user = await pair.newUser();
    assert.deepEqual(await pair.both({ token: await pair.tokenOf(user, 'refresh') }), [null, null]);
    assert.deepEqual(await pair.both({ token: (await pair.system.login('bob')).body.refresh }), [null, null]);
  });

  const parts = (change) => async (pair, user) =>
    change((await pair.tokenOf(user, 'access')).split('.'), pair).join('.');
  const forged = (key, header) => async (pair, user) => forgeToken(key, { user_id: user.id }, header);
  const refused = {
    'with another header': parts(([header, ...rest]) => [tampered(header, 5), ...rest]),
    'with other claims': parts(([header, claims, mac]) => [header, tampered(claims, 20), mac]),
    'with another signature': parts(([header, claims, mac]) => [header, claims, tampered(mac)]),
    'without a signature': parts(([header, claims]) => [header, claims, '']),
    'for somebody else under a foreign signature': parts(([header, claims, mac], { system }) => {
      const other = { ...JSON.parse(Buffer.from(claims, 'base64url')), user_id: system.user('admin').id };
      return [header, Buffer.from(JSON.stringify(other)).toString('base64url'), mac];
    }),
    'that has expired': (pair, user) => pair.tokenOf(user, 'access', -1),
    'of alg none': forged('', { alg: 'none' }),
    'of another key': forged(OTHER_KEY, { alg: 'HS256' }),
    'of HS512': (pair, user) => forged(at.key, { alg: 'HS512' })(pair, user),
    ...(algorithm === 'RS256' && {
      'signed by HS256 with the public key': (pair, user) => forged(at.key)(pair, user),
      'signed by HS256 with the SECRET_KEY': (pair, user) => forged(pair.site.settings.SECRET_KEY)(pair, user),
    }),
  };
  if (algorithm === 'HS256') {
    test('one made as the bad ones are, but rightly, is good on both sides', async () => {
      const user = await at.pair.newUser();
      const token = await forged(at.key)(at.pair, user);
      assert.deepEqual(await at.pair.both({ token }), [user.username, user.username]);
    });
  }
  for (const [name, make] of Object.entries(refused)) {
    test(`one ${name} is nobody's on both sides`, async () => {
      const token = await make(at.pair, await at.pair.newUser());
      assert.deepEqual(await at.pair.both({ token }), [null, null]);
      assert.deepEqual(await statuses(at.pair, token), [[401, 401], [401, 401]]);
    });
  }

  test('a refresh token that has expired gives nothing on either side', async () => {
    const token = await at.pair.tokenOf(await at.pair.newUser(), 'refresh', -1);
    assert.deepEqual(await statuses(at.pair, token), [[401, 401], [401, 401]]);
  });
}

// ---- both orders of making the tables ----

/** A system, and Django on the tables that it has made. */
async function brokerFirst(at, django) {
  const system = await start();
  const { database_url: DATABASE_URL, secret_key: SECRET_KEY } = system.info;
  at.key = SECRET_KEY;
  at.pair = new Pair(system, new Site(django, { DATABASE_URL, SECRET_KEY }));
  await at.pair.site.manage('migrate', '--fake-initial');
}

/** Django on an empty database of that system's server; then a system on it, with RS256. */
async function djangoFirst(at, django, { system, site: { settings } }) {
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const env = {
    DATABASE_URL: await newDatabase(system, 'django_first'),
    SECRET_KEY: settings.SECRET_KEY,
    JWT_ALGORITHM: 'RS256',
    JWT_PRIVATE_KEY_FILE: path.join(system.varFolder, 'jwt.pem'),
    JWT_PUBLIC_KEY_FILE: path.join(system.varFolder, 'jwt.pub.pem'),
  };
  await writeFile(env.JWT_PRIVATE_KEY_FILE, keys.privateKey, { mode: 0o600 });
  await writeFile(env.JWT_PUBLIC_KEY_FILE, keys.publicKey);
  at.key = keys.publicKey;
  at.site = new Site(django, env);
  await at.site.manage('migrate');
  at.veteran = await at.site.ask('create_user', { username: 'veteran', password: PASSWORD });
  at.pair = new Pair(await start({ env }), at.site);
}

for (const django of [await debianDjango(), await newestDjango()]) {
  describe(django.name, { skip: django.skip ?? false }, () => {
    const own = {};             // { pair, key }
    before(() => brokerFirst(own, django));
    after(() => own.pair?.stop());

    test('migrate --fake-initial takes the tables that kibray-broker made', async () => {
      await own.pair.site.manage('migrate', '--check');
    });
    describe('passwords', () => passwordTests(own));
    describe('sessions', () => sessionTests(own));
    describe('tokens, HS256', () => tokenTests(own, 'HS256'));

    describe('kibray-broker after Django', () => {
      const late = {};          // { pair, key, site, veteran }
      before(() => djangoFirst(late, django, own.pair));
      after(() => (late.pair ?? late.site)?.stop());

      test('Django\'s tables are the same in both orders', async () => {
        assert.deepEqual(await djangoTables(late.pair.system), await djangoTables(own.pair.system));
      });
      test('who was there before logs in', async () => {
        const { body } = await late.pair.system.login('veteran', PASSWORD);
        assert.equal(`${claimsOf(body.access).user_id}`, `${late.veteran.id}`);
      });
      describe('tokens, RS256', () => tokenTests(late, 'RS256'));
      test('Django\'s migrations alter its tables under the running system', async () => {
        const { pair } = late;
        for (const target of [['auth', '0005'], []]) {
          await pair.site.manage('migrate', ...target);
          const { status, body } = await pair.system.login('bob');
          assert.equal(status, 200, target.join(' '));
          assert.equal(await pair.who({ token: body.access }), 'bob');
        }
        await pair.site.manage('migrate', '--check');
      });
    });
  });
}
