// SPDX-License-Identifier: MIT
// The dashboard's figures: summed over two gateways, for staff only; and their history.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { start, until } from './lib/system.mjs';

let system;
before(async () => {
  system = await start({ gateways: 2, brokers: 2 });
});
after(() => system.stop());

const get = async (path, user = 'admin') => system.http(path,
  { gateway: 1, headers: user ? { Authorization: `Bearer ${await system.token(user)}` } : {} });

test('who may see them', async () => {
  for (const path of ['/api/websocket/metrics/', '/api/websocket/metrics/history/?hours=1']) {
    assert.equal((await get(path, null)).status, 401);
    assert.equal((await get(path, 'alice')).status, 403);
    assert.equal((await get(path)).status, 200);
  }
});

test('sockets, messages, latency and errors of all gateways', async () => {
  const alice = await Client.chat(system, 'general', { user: 'alice' });
  const bob = await Client.chat(system, 'general', { user: 'bob', gateway: 1 });
  const more = await Client.chat(system, 'random', { user: 'bob', gateway: 1 });
  for (let i = 0; i < 5; i++) {
    await alice.say(`a ${i}`);
    await bob.say(`b ${i}`);
  }
  alice.send({ type: 'chat_message' });
  await alice.next('error');
  bob.send({ type: 'edit_message', message_id: 1, new_content: 'x' });
  await bob.next('error');
  await more.close();
  const figures = await until(async () => {
    const { body } = await get('/api/websocket/metrics/');
    return body.connections.created >= 3 && body.connections.closed >= 1 && body.errors.total >= 2
      && body.messages.latency.count >= 10 ? body : null;
  }, 20_000, 'figures');
  assert.deepEqual(Object.keys(figures),
    ['timestamp', 'uptime_seconds', 'connections', 'messages', 'errors', 'connection_duration']);
  assert.deepEqual(Object.keys(figures.connections), ['total', 'by_user', 'by_channel', 'created', 'closed']);
  assert.equal(figures.connections.total, 2);
  assert.deepEqual(figures.connections.by_user, { alice: 1, bob: 1 });
  assert.deepEqual(figures.connections.by_channel, { general: 2 });
  assert.deepEqual(Object.keys(figures.messages), ['rate_1m', 'rate_5m', 'rate_15m', 'latency']);
  assert.deepEqual(Object.keys(figures.messages.latency), ['p50', 'p95', 'p99', 'avg', 'min', 'max', 'count']);
  const { latency } = figures.messages;
  assert.ok(latency.min <= latency.p50 && latency.p50 <= latency.p95 && latency.p95 <= latency.p99
    && latency.p99 <= latency.max && latency.min > 0, JSON.stringify(latency));
  assert.ok(figures.messages.rate_1m > 0);
  assert.deepEqual(Object.keys(figures.errors), ['total', 'by_type', 'rate', 'recent']);
  assert.equal(figures.errors.by_type.INVALID_MESSAGE, 2);
  assert.deepEqual(Object.keys(figures.errors.recent[0]), ['type', 'message', 'timestamp']);
  assert.deepEqual(Object.keys(figures.connection_duration), ['avg', 'median', 'min', 'max']);
  assert.ok(figures.uptime_seconds > 0);
  await Promise.all([alice.close(), bob.close()]);
});

test('a gateway that is killed counts no more', async () => {
  const carol = await system.at(0, () => Client.chat(system, 'general', { user: 'carol' }));
  await until(async () => (await get('/api/websocket/metrics/')).body.connections.by_user.carol === 1, 20_000);
  await system.kill('gateway');
  await until(async () => !(await get('/api/websocket/metrics/')).body.connections.by_user.carol, 60_000);
  await carol.closed;
  await system.start('gateway');
  await system.ready('gateway');
});

test('the history', async () => {
  await system.sqlExec(`INSERT INTO usage_history
    SELECT now() - n * interval '5 minutes', n, 1, 2, 3, 0.5, 1, 2, 3 FROM generate_series(1, 30) AS n`);
  const { body } = await get('/api/websocket/metrics/history/?hours=1');
  assert.deepEqual([body.hours, body.interval_minutes], [1, 5]);
  assert.ok(body.data_points >= 11 && body.data_points <= 13, `${body.data_points}`);
  assert.equal(body.data.length, body.data_points);
  assert.deepEqual(Object.keys(body.data[0]), ['timestamp', 'connections', 'created', 'closed', 'messages_per_second',
    'latency_p50', 'latency_p95', 'latency_p99', 'errors']);
  assert.ok(body.data[0].timestamp < body.data[1].timestamp);
  for (const [query, hours] of [['', 24], ['?hours=0', 24], ['?hours=x', 24], ['?hours=100000', 168]]) {
    assert.equal((await get(`/api/websocket/metrics/history/${query}`)).body.hours, hours, query);
  }
});
