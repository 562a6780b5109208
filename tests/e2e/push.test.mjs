// SPDX-License-Identifier: MIT
// Pushes to people's devices, by FCM and by web push, and the routes of notifications, preferences
// and devices. Notifications and their jobs are put down by SQL.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Browser, PushServices } from './lib/push_services.mjs';
import { start, until } from './lib/system.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const LEASE_MS = 3000;
const KEY = 'a-service-key-of-this-test-only-0123456789';

let system, services;
before(async () => {
  services = await PushServices.start();
  system = await start({
    brokers: 2,
    env: {
      ...services.environment, PUSH_ALLOW_PRIVATE_ENDPOINTS: '1', PUSH_RETRY_MS: '50', PUSH_LEASE_MS: `${LEASE_MS}`,
      PUSH_CONCURRENCY: '8', PUSH_DELAY: '1', SERVICE_KEY: KEY,
    },
  });
});
after(async () => {
  await system?.stop();
  await services?.stop();
});

async function as(user, method, path, body) {
  return system.http(path, { method, body, headers: { Authorization: `Bearer ${await system.token(user)}` } });
}
const DEVICES = '/api/notifications/devices/';
const PREFERENCES = '/api/notifications/preferences/';
const LIST = '/api/notifications/';
const VAPID_KEY = '/api/notifications/vapid-key/';

let people = 0;
/** Somebody new: { name, id }. */
async function newUser() {
  const name = `pushed${++people}`;
  await system.addUser(name);
  const [{ id }] = await system.sql(`SELECT id FROM auth_user WHERE username = '${name}'`);
  return { name, id };
}

async function register(user, token, type = 'android') {
  const answer = await as(user.name, 'POST', DEVICES, { token, device_type: type });
  assert.ok([200, 201].includes(answer.status), JSON.stringify(answer.body));
  return answer;
}

let tokens = 0;
/** Somebody with a device: { name, id, token }. */
async function withDevice(type) {
  const user = await newUser();
  const token = `device-token-${++tokens}`;
  await register(user, token, type);
  return { ...user, token };
}

const quote = (text) => `'${text.replaceAll("'", "''")}'`;

let titles = 0;
/** A notification with a job that is due; resolves to its id. */
async function notify(user, { category = 'news', channel = null, message = 'What is new', url = '/news', status = 'unread', job = true } = {}) {
  const title = `Title ${++titles}`;
  await system.sqlExec(`
    WITH n AS (INSERT INTO notification (user_id, seq, channel_id, message_id, created_at, status, category, title, message, url)
      VALUES (${user.id}, 2, ${channel}, ${channel === null ? null : titles}, now(), '${status}', '${category}',
        '${title}', ${quote(message)}, '${url}') RETURNING id, user_id)
    INSERT INTO push_job (notification_id, user_id, due_at) SELECT id, user_id, now() FROM n WHERE ${job}`);
  const [{ id }] = await system.sql(`SELECT id FROM notification WHERE title = '${title}'`);
  return id;
}

const jobsOf = (user) => system.sql(`SELECT * FROM push_job WHERE user_id = ${user.id}`);
const noJobs = (user, ms = 20_000) => until(async () => (await jobsOf(user)).length === 0, ms, 'no more jobs');
const sentTo = (token) => services.messages.filter(({ message }) => message.token === token).map(({ message }) => message);
const pushedTo = (browser) => services.pushes.filter((push) => push.browser === browser).map(({ text }) => text);
const devicesOf = async (user) => (await as(user.name, 'GET', DEVICES)).body;

async function deadLetters(user) {
  const raw = await system.redis('--json', 'XRANGE', 'kb:jobs:dead', '-', '+');
  return JSON.parse(raw)
    .map(([, pairs]) => Object.fromEntries(pairs.flatMap((_, i) => (i % 2 ? [] : [[pairs[i], pairs[i + 1]]]))))
    .filter((letter) => letter.user === `${user.id}`);
}

async function metric(name) {
  const values = await Promise.all(system.parts('broker').map((part) => system.metric(part, name)));
  return values.reduce((sum, value) => sum + (value || 0), 0);
}

beforeEach(() => {
  services.refused.length = 0;
  services.latencyMs = 0;
});

describe('FCM', () => {
  test('a notification reaches every device, over HTTP/2, with texts as they are', async () => {
    const user = await withDevice('android');
    await register(user, 'second-token', 'ios');
    await register(user, 'third-token', 'web');
    const message = 'He said "it\'s <b>new</b>" \u2028 äöü 😀';
    const id = await notify(user, { category: 'chat', channel: 77, message, url: '/chat/77' });
    await noJobs(user);
    for (const token of [user.token, 'second-token', 'third-token']) {
      const [sent, ...more] = sentTo(token);
      assert.deepEqual(more, []);
      assert.equal(sent.notification.body, message);
      assert.match(sent.notification.title, /^Title \d+$/);
      assert.deepEqual(sent.data, { notification_id: `${id}`, category: 'chat', url: '/chat/77' });
      assert.equal(sent.android.collapse_key, 'chat-77');
    }
    assert.ok(services.messages.every(({ version }) => version === '2.0'));
    assert.deepEqual(services.refused, []);
    assert.ok(services.grants >= 1 && services.grants <= 2, `${services.grants} access tokens for two brokers`);
  });

  test('one that is of no chat is replaced by itself only', async () => {
    const user = await withDevice();
    const id = await notify(user);
    await noJobs(user);
    assert.equal(sentTo(user.token)[0].android.collapse_key, `n-${id}`);
  });

  for (const error of ['UNREGISTERED', 'SENDER_ID_MISMATCH', 'INVALID_ARGUMENT']) {
    test(`${error}: the device is removed, the others are not`, async () => {
      const user = await withDevice();
      await register(user, `${error}-token`);
      services.script(`${error}-token`, error);
      await notify(user);
      await noJobs(user);
      assert.deepEqual((await devicesOf(user)).map((device) => device.token), [user.token.slice(-8)]);
      assert.equal(sentTo(user.token).length, 1);
      assert.deepEqual(await deadLetters(user), []);
    });
  }

  for (const error of ['QUOTA_EXCEEDED', 'UNAVAILABLE', 'INTERNAL']) {
    test(`${error}: it is sent again later`, async () => {
      const user = await withDevice();
      const begun = Date.now();
      services.script(user.token, error, error);
      await notify(user);
      await noJobs(user, 30_000);
      assert.equal(sentTo(user.token).length, 1);
      assert.equal((await devicesOf(user)).length, 1);
      assert.ok(error !== 'QUOTA_EXCEEDED' || Date.now() - begun >= 2000, 'Retry-After was 1 s, twice');
    });
  }

  test('an access token that is not taken is renewed, once, and the message sent', async () => {
    const user = await withDevice();
    const grants = services.grants;
    services.revokeAccess();
    await notify(user);
    await noJobs(user);
    assert.equal(sentTo(user.token).length, 1);
    assert.equal(services.grants, grants + 1);
  });

  test('no access token for a while: sent when there is one', async () => {
    const user = await withDevice();
    services.denyGrants = true;
    services.revokeAccess();
    await notify(user);
    await until(async () => (await jobsOf(user))[0]?.attempts >= 2, 20_000, 'tries');
    services.denyGrants = false;
    await noJobs(user);
    assert.equal(sentTo(user.token).length, 1);
  });

  test('what cannot be sent goes to the dead letters', async () => {
    const user = await withDevice();
    services.script(user.token, { status: 403, body: '{"error":{"status":"PERMISSION_DENIED"}}' }, 'THIRD_PARTY_AUTH_ERROR');
    const ids = [await notify(user)];
    await noJobs(user);
    ids.push(await notify(user));
    await noJobs(user);
    const letters = await deadLetters(user);
    assert.deepEqual(letters.map((letter) => [letter.notification, letter.reason, letter.attempts]),
      [[`${ids[0]}`, 'PERMISSION_DENIED', '1'], [`${ids[1]}`, 'THIRD_PARTY_AUTH_ERROR', '1']]);
    assert.ok(Number(letters[0].job) > 0 && Number(letters[0].device) > 0);
    assert.equal((await devicesOf(user)).length, 1);
  });

  test('tried eight times, then given up', async () => {
    const user = await withDevice();
    services.script(user.token, ...Array(20).fill('UNAVAILABLE'));
    await notify(user);
    await noJobs(user, 60_000);
    assert.equal(services.scripts.get(user.token).length, 12);
    assert.deepEqual((await deadLetters(user)).map((letter) => [letter.reason, letter.attempts]), [['UNAVAILABLE', '8']]);
  });

  test('answers that are none: HTML, redirects, endless ones', async () => {
    const user = await withDevice();
    services.script(user.token, { status: 502, body: '<html>' }, { status: 503, body: 'x'.repeat(300_000) });
    await notify(user);
    await noJobs(user);
    assert.equal(sentTo(user.token).length, 1);
    services.script(user.token, { status: 307, headers: { location: 'https://127.0.0.1:1/' } });
    await notify(user);
    await noJobs(user);
    assert.deepEqual((await deadLetters(user)).map((letter) => letter.reason), ['HTTP 307']);
  });
});

describe('web push', () => {
  async function withBrowser() {
    const user = await newUser();
    const browser = new Browser(services);
    await register(user, browser.subscription, 'web');
    return { user, browser };
  }

  test('the browser can read it, and only it', async () => {
    const { user, browser } = await withBrowser();
    const message = 'a "quoted" <b>text</b> äöü 😀';
    const id = await notify(user, { category: 'chat', channel: 5, message, url: '/chat/5' });
    await noJobs(user);
    const [text, ...more] = pushedTo(browser);
    assert.deepEqual(more, []);
    assert.equal(text.body, message);
    assert.equal(text.tag, 'chat-5');
    assert.deepEqual(text.data, { notification_id: `${id}`, category: 'chat', url: '/chat/5' });
    assert.equal(services.pushes.at(-1).topic, 'chat-5');
    assert.deepEqual(services.refused, []);
  });

  test('a long text is cut between two characters', async () => {
    const { user, browser } = await withBrowser();
    await notify(user, { message: 'ä'.repeat(9000) });
    await noJobs(user);
    assert.match(pushedTo(browser)[0].body, /^ä{512}$/);
  });

  for (const status of [404, 410]) {
    test(`${status}: the device is removed`, async () => {
      const { user, browser } = await withBrowser();
      services.script(browser.id, { status });
      await notify(user);
      await noJobs(user);
      assert.deepEqual(await devicesOf(user), []);
    });
  }

  for (const status of [400, 413, 403, 301]) {
    test(`${status}: given up, the device stays`, async () => {
      const { user, browser } = await withBrowser();
      services.script(browser.id, { status });
      await notify(user);
      await noJobs(user);
      assert.equal((await devicesOf(user)).length, 1);
      assert.deepEqual((await deadLetters(user)).map((letter) => letter.reason), [`HTTP ${status}`]);
    });
  }

  for (const status of [429, 500, 503]) {
    test(`${status}: sent again later`, async () => {
      const { user, browser } = await withBrowser();
      services.script(browser.id, { status, headers: { 'retry-after': '1' } });
      await notify(user);
      await noJobs(user);
      assert.equal(pushedTo(browser).length, 1);
    });
  }
});

describe('who is pushed what', () => {
  const preferences = async (user, body) => {
    const answer = await as(user.name, 'PATCH', PREFERENCES, body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };

  test('what was read meanwhile is not pushed', async () => {
    const user = await withDevice();
    await notify(user, { status: 'read' });
    await notify(user, { status: 'dismissed' });
    await noJobs(user);
    assert.deepEqual(sentTo(user.token), []);
  });

  test('pushes, or those of a category, switched off', async () => {
    const user = await withDevice();
    await preferences(user, { categories: { news: false, chat: true } });
    await notify(user, { category: 'news' });
    await notify(user, { category: 'chat' });
    await notify(user, { category: 'other' });
    await noJobs(user);
    assert.deepEqual(sentTo(user.token).map((message) => message.data.category).sort(), ['chat', 'other']);
    await preferences(user, { push_enabled: false });
    await notify(user, { category: 'chat' });
    await noJobs(user);
    assert.equal(sentTo(user.token).length, 2);
  });

  test('quiet hours by the clock of the zone, over midnight, too', async () => {
    const user = await withDevice();
    const clock = (zone, minutes) => new Date(Date.now() + minutes * 60_000)
      .toLocaleTimeString('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' });
    for (const zone of ['UTC', 'Asia/Kolkata', 'America/Los_Angeles']) {
      const before = sentTo(user.token).length;
      await preferences(user, { quiet_start: clock(zone, -30), quiet_end: clock(zone, 30), time_zone: zone });
      await notify(user);
      await noJobs(user);
      assert.equal(sentTo(user.token).length, before, `quiet in ${zone}`);
      await preferences(user, { quiet_start: clock(zone, 30), quiet_end: clock(zone, -30) });
      await notify(user);
      await noJobs(user);
      assert.equal(sentTo(user.token).length, before + 1, `not quiet in ${zone}`);
    }
    await preferences(user, { quiet_start: null });
    assert.equal((await as(user.name, 'GET', PREFERENCES)).body.quiet_start, null);
  });

  test('nobody without devices, nobody who is deactivated', async () => {
    const nobody = await newUser();
    await notify(nobody);
    await noJobs(nobody);
    const user = await withDevice();
    await system.broker(['user', 'deactivate', user.name]);
    await notify(user);
    await noJobs(user);
    assert.deepEqual(sentTo(user.token), []);
  });

  test('a chat that goes on while a push waits is pushed as it is then', async () => {
    const user = await withDevice();
    services.script(user.token, { status: 503, headers: { 'retry-after': '600' } });
    const id = await notify(user, { category: 'chat', channel: 9, message: 'first' });
    await until(async () => services.scripts.get(user.token).length === 0, 20_000, 'the first try');
    await until(async () => (await jobsOf(user)).some((job) => new Date(job.due_at) - Date.now() > 60_000), 20_000, 'waiting');
    await system.sqlExec(`UPDATE notification SET message = 'second' WHERE id = ${id};
      INSERT INTO push_job (notification_id, user_id, due_at) VALUES (${id}, ${user.id}, now())`);
    await noJobs(user);
    assert.deepEqual(sentTo(user.token).map((message) => message.notification.body), ['second']);
  });
});

describe('from the notification to the device', () => {
  test('what a service tells somebody without a socket', async () => {
    const user = await withDevice();
    const answer = await system.http(LIST, {
      body: { user_ids: [user.id], title: 'Hello', message: 'From a service', category: 'news', url: '/n/1' },
      headers: { Authorization: `Api-Key ${KEY}` },
    });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    await until(() => sentTo(user.token).length > 0, 20_000, 'the push');
    const [{ id }] = (await as(user.name, 'GET', `${LIST}?unread=1`)).body.results;
    const [sent] = sentTo(user.token);
    assert.deepEqual(sent.notification, { title: 'Hello', body: 'From a service' });
    assert.deepEqual(sent.data, { notification_id: `${id}`, category: 'news', url: '/n/1' });
    await noJobs(user);
  });

  test('a direct message to somebody who is not there, in one push of that chat', async () => {
    const user = await withDevice();
    const client = await Client.chat(system, `direct/${user.id}`, { user: 'alice' });
    await client.say('are you there?');
    await client.say('hello?');
    await until(() => sentTo(user.token).length > 0, 20_000, 'the push');
    await noJobs(user);
    const keys = new Set(sentTo(user.token).map((message) => message.android.collapse_key));
    assert.deepEqual([...keys], [`chat-${client.hello.channel_id}`]);
    assert.equal(sentTo(user.token)[0].data.url, `/chat/${client.hello.channel_id}`);
    await client.close();
  });
});

describe('nothing is lost', () => {
  const ids = (from, messages) => messages.slice(from).map(({ message }) => message.data.notification_id);

  test('a broker that is killed in the middle of 200 pushes', async () => {
    const user = await withDevice();
    const from = services.messages.length;
    services.latencyMs = 150;
    await system.sqlExec(`
      WITH n AS (INSERT INTO notification (user_id, seq, created_at, category, title, message, url)
        SELECT ${user.id}, 2, now(), 'news', 'many', 'message ' || i, '/' FROM generate_series(1, 200) i RETURNING id, user_id)
      INSERT INTO push_job (notification_id, user_id, due_at) SELECT id, user_id, now() FROM n`);
    await until(() => services.messages.length - from > 60, 30_000, 'some pushes');
    await system.kill('broker');
    const atKill = services.messages.length - from;
    assert.ok(atKill < 190, `${atKill} were sent before the kill`);
    await noJobs(user, 60_000);
    const rows = await system.sql(`SELECT id FROM notification WHERE user_id = ${user.id} AND title = 'many'`);
    assert.deepEqual(new Set(ids(from, services.messages)), new Set(rows.map((row) => `${row.id}`)));
    const byKey = new Map();
    for (const { message } of services.messages.slice(from)) {
      const key = message.android.collapse_key;
      assert.equal(byKey.get(key) ?? message.notification.body, message.notification.body);
      byKey.set(key, message.notification.body);
    }
    assert.equal(byKey.size, 200);
    const repeats = services.messages.length - from - 200;
    assert.ok(repeats <= 8, `${repeats} repeats: no more than the dead broker had under way`);
    await system.start('broker');
    await system.ready('broker');
  });

  test('counted', async () => {
    assert.ok(await metric('push_sent_total{kind="fcm",result="sent"}') > 0);
    assert.ok(await metric('push_sent_total{kind="web",result="sent"}') >= 0);
    await until(async () => (await metric('push_jobs')) === 0, 10_000, 'no jobs under way');
  });
});

describe('routes', () => {
  function assertComplaints(answer, ...fields) {
    assert.equal(answer.status, 400, JSON.stringify(answer.body));
    assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'detail', ...fields].sort());
  }

  test('401 for nobody', async () => {
    for (const [method, path] of [['GET', LIST], ['GET', VAPID_KEY], ['GET', PREFERENCES], ['PATCH', PREFERENCES], ['GET', DEVICES],
      ['POST', DEVICES], ['DELETE', DEVICES], ['POST', `${DEVICES}test_notification/`]]) {
      assert.equal((await system.http(path, { method })).status, 401, `${method} ${path}`);
    }
  });

  test('the key that browsers subscribe with', async () => {
    const { status, body } = await as('alice', 'GET', VAPID_KEY);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ['public_key']);
    assert.match(body.public_key, /^[A-Za-z0-9_-]{87}$/);
    const point = Buffer.from(body.public_key, 'base64url');
    assert.deepEqual([point.length, point[0]], [65, 4], 'a point of P-256, not compressed');
    assert.match(await system.log('broker'), new RegExp(`vapid_public_key.*${body.public_key}`));
  });

  test('preferences: as they are at first, changed in part, refused', async () => {
    const user = await newUser();
    const patch = (body) => as(user.name, 'PATCH', PREFERENCES, body);
    const first = { push_enabled: true, categories: {}, quiet_start: null, quiet_end: null, time_zone: 'UTC' };
    assert.deepEqual((await as(user.name, 'GET', PREFERENCES)).body, first);
    assert.deepEqual((await patch({})).body, first);
    assert.deepEqual((await patch({ push_enabled: false, time_zone: 'Europe/Berlin' })).body,
      { ...first, push_enabled: false, time_zone: 'Europe/Berlin' });
    assert.deepEqual((await patch({ categories: { chat: false }, quiet_start: '22:00', quiet_end: '07:30' })).body.quiet_end, '07:30');
    const all = (await patch({ categories: { news: true } })).body;
    assert.deepEqual(all, {
      push_enabled: false, categories: { chat: false, news: true }, quiet_start: '22:00', quiet_end: '07:30', time_zone: 'Europe/Berlin',
    });
    assertComplaints(await patch({ time_zone: 'Mars/Olympus' }), 'time_zone');
    assertComplaints(await patch({ time_zone: 'Foo/Bar5' }), 'time_zone');
    assertComplaints(await patch({ time_zone: null, push_enabled: 'yes' }), 'push_enabled');
    assertComplaints(await patch({ quiet_start: '24:00', quiet_end: '7' }), 'quiet_end', 'quiet_start');
    assertComplaints(await patch({ categories: { 'a b': true } }), 'categories');
    assertComplaints(await patch({
      categories: Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`c${i}`, true])),
    }), 'categories');
    assert.deepEqual((await as(user.name, 'GET', PREFERENCES)).body, all);
  });

  test('devices: 201, again 200, moved, at most twenty, removed', async () => {
    const [user, other] = [await newUser(), await newUser()];
    const first = await register(user, 'a-token-that-moves');
    assert.equal(first.status, 201);
    assert.deepEqual(Object.keys(first.body), ['id', 'device_type', 'created_at', 'token']);
    assert.match(first.body.created_at, TIMESTAMP);
    assert.equal(first.body.token, 'at-moves');
    const again = await register(user, 'a-token-that-moves', 'ios');
    assert.deepEqual([again.status, again.body], [200, { ...first.body, device_type: 'ios' }]);
    assert.deepEqual(await devicesOf(user), [again.body]);
    assert.equal((await register(other, 'a-token-that-moves')).status, 200);
    assert.deepEqual(await devicesOf(user), []);
    assert.equal((await devicesOf(other)).length, 1);
    for (let i = 1; i <= 22; i++) {
      await register(user, `one-of-many-${i}`);
    }
    const shown = (await devicesOf(user)).map((device) => device.token);
    assert.equal(shown.length, 20);
    assert.deepEqual([shown[0], shown[19]], ['-many-22', 'f-many-3']);
    assert.equal((await as(other.name, 'DELETE', DEVICES, { token: 'one-of-many-22' })).status, 204);
    assert.equal((await devicesOf(user)).length, 20);
    for (let i = 0; i < 2; i++) {
      assert.equal((await as(user.name, 'DELETE', DEVICES, { token: 'one-of-many-22' })).status, 204);
    }
    assert.equal((await devicesOf(user)).length, 19);
  });

  test('devices that are none: 400', async () => {
    const post = (body) => as('alice', 'POST', DEVICES, body);
    assertComplaints(await post({}), 'device_type', 'token');
    assertComplaints(await post({ token: 'x', device_type: 'toaster' }), 'device_type');
    assertComplaints(await post({ token: 'x'.repeat(4097), device_type: 'ios' }), 'token');
    assertComplaints(await post({ token: 'x\u0000', device_type: 'ios' }), 'token');
    for (const endpoint of ['http://127.0.0.1/', 'file:///etc/passwd', 'https://u@h/']) {
      const token = JSON.stringify({ ...JSON.parse(new Browser(services).subscription), endpoint });
      assertComplaints(await post({ token, device_type: 'web' }), 'token');
    }
    assertComplaints(await as('alice', 'DELETE', DEVICES, {}), 'token');
  });

  test('a test goes to all devices at once, whatever the preferences', async () => {
    const user = await withDevice();
    const browser = new Browser(services);
    await register(user, browser.subscription, 'web');
    await as(user.name, 'PATCH', PREFERENCES, { push_enabled: false });
    const answer = await as(user.name, 'POST', `${DEVICES}test_notification/`);
    assert.deepEqual([answer.status, answer.body], [202, { devices: 2 }]);
    await noJobs(user);
    assert.equal(sentTo(user.token)[0].data.category, 'test');
    assert.equal(pushedTo(browser)[0].data.category, 'test');
    await as(user.name, 'POST', `${DEVICES}test_notification/`);
    await noJobs(user);
    const { body } = await as(user.name, 'GET', LIST);
    assert.deepEqual(body.results.map((row) => [row.category, row.status]), [['test', 'read']]);
    assert.deepEqual((await as(user.name, 'GET', `${LIST}?unread=1`)).body.results, []);
  });

  test('notifications, page by page, newest first', async () => {
    const user = await newUser();
    const made = [];
    for (let i = 0; i < 7; i++) {
      made.unshift(await notify(user, { job: false, status: i % 3 === 0 ? 'read' : 'unread' }));
    }
    const all = [];
    let next = `${LIST}?limit=3`;
    while (next !== null) {
      const { status, body } = await as(user.name, 'GET', next);
      assert.equal(status, 200);
      assert.ok(body.results.length <= 3);
      all.push(...body.results);
      next = body.next;
    }
    assert.deepEqual(all.map((row) => row.id), made);
    assert.deepEqual(Object.keys(all[0]), ['id', 'title', 'message', 'category', 'url', 'created_at', 'status']);
    assert.match(all[0].created_at, TIMESTAMP);
    const unread = (await as(user.name, 'GET', `${LIST}?unread=1&limit=2`)).body;
    assert.deepEqual(unread.results.map((row) => row.status), ['unread', 'unread']);
    const rest = (await as(user.name, 'GET', unread.next)).body;
    assert.deepEqual([...unread.results, ...rest.results].map((row) => row.id),
      all.filter((row) => row.status === 'unread').map((row) => row.id));
    assert.equal(rest.next, null);
    assertComplaints(await as(user.name, 'GET', `${LIST}?unread=x&before=0&limit=201`), 'before', 'limit', 'unread');
  });
});

describe('where it may not go', () => {
  let plain;
  after(() => plain?.stop());

  test('without a key of web push: 404', async () => {
    plain = await start({ env: { ...services.environment, VAPID_PRIVATE_KEY_FILE: '', VAPID_SUBJECT: '' } });
    const { status, body } = await plain.http(VAPID_KEY, { headers: { Authorization: `Bearer ${await plain.token('alice')}` } });
    assert.deepEqual([status, body.code], [404, 'not_configured']);
    await plain.stop();
    plain = undefined;
  });

  test('private addresses, unless they are allowed; nothing at all without FCM', async () => {
    plain = await start({
      env: { ...services.environment, FCM_CREDENTIALS_FILE: '', PUSH_RETRY_MS: '50', PUSH_LEASE_MS: `${LEASE_MS}` },
    });
    const browser = new Browser(services);
    const user = plain.user('alice');
    const body = { token: browser.subscription, device_type: 'web' };
    const headers = { Authorization: `Bearer ${await plain.token('alice')}` };
    assert.equal((await plain.http(DEVICES, { body, headers })).status, 201);
    assert.equal((await plain.http(DEVICES, { body: { token: 'x', device_type: 'ios' }, headers })).status, 201);
    assert.equal((await plain.http(`${DEVICES}test_notification/`, { method: 'POST', headers })).status, 202);
    await until(async () => (await plain.sql(`SELECT id FROM push_job WHERE user_id = ${user.id}`)).length === 0);
    assert.deepEqual(pushedTo(browser), []);
    assert.match(await plain.redis('XRANGE', 'kb:jobs:dead', '-', '+'), /endpoint not allowed/);
    assert.match(await plain.log('broker'), /vapid_public_key/);
  });
});
