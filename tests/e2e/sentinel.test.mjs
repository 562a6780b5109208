// SPDX-License-Identifier: MIT
// Redis with two replicas and three Sentinels: the primary is killed under load.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Sender } from './lib/steady.mjs';
import { freePort, run, start, until } from './lib/system.mjs';

const SERVICE = 'kibray';
const PASSWORD = 'redis secret';
const SENTINEL_PASSWORD = 'sentinel/secret';

const servers = [];       // { child, port }
const sentinels = [];
let folder;
let system;

async function launch(name, port, lines) {
  const own = path.join(folder, name);
  const file = path.join(own, 'redis.conf');
  await mkdir(own);
  await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${own}`, 'save ""', ...lines].join('\n'));
  const child = spawn('redis-server', [file, ...(name.startsWith('sentinel') ? ['--sentinel'] : [])],
    { stdio: 'ignore' });
  return { child, port };
}

const cli = async (port, password, ...args) => (await run('redis-cli', ['-p', `${port}`, ...args],
  { env: { ...process.env, REDISCLI_AUTH: password } })).stdout.trim();

async function primaryPort() {
  const answer = await cli(sentinels[0].port, SENTINEL_PASSWORD, 'SENTINEL', 'get-master-addr-by-name', SERVICE);
  return Number(answer.split('\n')[1]);
}

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kibray-sentinel-'));
  const base = await freePort();
  for (let i = 0; i < 3; i++) {
    servers.push(await launch(`server${i}`, base + i, [`requirepass "${PASSWORD}"`, `masterauth "${PASSWORD}"`,
      'appendonly yes', 'appendfsync everysec', 'repl-diskless-sync-delay 0',
      ...(i > 0 ? [`replicaof 127.0.0.1 ${base}`] : [])]));
  }
  await until(async () => (await cli(base, PASSWORD, 'INFO', 'replication')).includes('connected_slaves:2'),
    30_000, 'two replicas');
  for (let i = 0; i < 3; i++) {
    sentinels.push(await launch(`sentinel${i}`, base + 100 + i, [`requirepass "${SENTINEL_PASSWORD}"`,
      `sentinel monitor ${SERVICE} 127.0.0.1 ${base} 2`, `sentinel auth-pass ${SERVICE} "${PASSWORD}"`,
      `sentinel down-after-milliseconds ${SERVICE} 1000`, `sentinel failover-timeout ${SERVICE} 5000`]));
  }
  await until(async () => {
    const state = await cli(sentinels[0].port, SENTINEL_PASSWORD, 'SENTINEL', 'master', SERVICE);
    const value = (key) => state.split('\n')[state.split('\n').indexOf(key) + 1];
    return value('num-other-sentinels') === '2' && value('num-slaves') === '2';
  }, 30_000, 'three Sentinels that know each other');
  const places = sentinels.map(({ port }) => `127.0.0.1:${port}`);
  system = await start({ gateways: 2, brokers: 2, env: {
    // The first one that is asked does not exist.
    REDIS_URL: `redis+sentinel://:${encodeURIComponent(PASSWORD)}@127.0.0.1:1,${places.join(',')}/${SERVICE}`
      + `?sentinel_password=${encodeURIComponent(SENTINEL_PASSWORD)}`,
    WEBSOCKET_RATE_LIMIT: '0',
  } });
});

after(async () => {
  await system?.stop();
  for (const { child } of [...sentinels, ...servers]) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  await rm(folder, { recursive: true, force: true });
});

test('the system finds the new primary by itself; what was acknowledged is stored once', { timeout: 180_000 },
  async (t) => {
    const senders = ['alice', 'bob', 'carol', 'admin'].map((user) => new Sender(system, 'general', user, user));
    let isOver = false;
    const work = senders.map(async (sender) => {
      for (let number = 0; !isOver; number++) {
        await sender.send(number);
        await delay(10);
      }
    });
    const acknowledged = () => senders.reduce((sum, { acknowledged: a }) => sum + a.size, 0);
    await until(() => acknowledged() >= 200, 30_000, 'messages before');

    const old = await primaryPort();
    const before = acknowledged();
    const killedAt = Date.now();
    servers.find(({ port }) => port === old).child.kill('SIGKILL');
    await until(async () => await primaryPort() !== old, 30_000, 'another primary');
    const electedAt = Date.now();
    await until(() => senders.every((sender) => sender.acknowledged.size > 0) && acknowledged() >= before + 50,
      60_000, 'messages after');
    t.diagnostic(`new primary after ${electedAt - killedAt} ms, 50 messages acknowledged after ${Date.now() - killedAt} ms`);
    isOver = true;
    await Promise.all(work);
    await Promise.all(senders.map((sender) => sender.stop()));

    const stored = await system.sql(`SELECT content, count(*)::int AS n FROM chat_message GROUP BY content`);
    const count = new Map(stored.map(({ content, n }) => [content, n]));
    for (const { name, acknowledged: own } of senders) {
      for (const clientId of own.keys()) {
        assert.equal(count.get(`${name} says ${clientId.slice(name.length + 1)}`), 1, clientId);
      }
    }
  });
