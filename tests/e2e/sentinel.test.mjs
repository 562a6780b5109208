// SPDX-License-Identifier: MIT
// Redis with two replicas and three Sentinels: the primary is killed under load.
import { after, before, test } from 'node:test';
import { failUnderLoad, redisCli, RedisServers } from './lib/failover.mjs';
import { freePort, start, until } from './lib/system.mjs';

const SERVICE = 'kibray';
const PASSWORD = 'redis secret';
const SENTINEL_PASSWORD = 'sentinel/secret';

const servers = new RedisServers();
let sentinels;            // ports
let system;

async function primaryPort() {
  const answer = await redisCli(sentinels[0], SENTINEL_PASSWORD, 'SENTINEL', 'get-master-addr-by-name', SERVICE);
  return Number(answer.split('\n')[1]);
}

before(async () => {
  const base = await freePort();
  for (const port of [base, base + 1, base + 2]) {
    await servers.launch(port, [`requirepass "${PASSWORD}"`, `masterauth "${PASSWORD}"`,
      'appendonly yes', 'appendfsync everysec', 'repl-diskless-sync-delay 0',
      ...(port > base ? [`replicaof 127.0.0.1 ${base}`] : [])]);
  }
  await until(async () => (await redisCli(base, PASSWORD, 'INFO', 'replication')).includes('connected_slaves:2'),
    30_000, 'two replicas');
  sentinels = [base + 100, base + 101, base + 102];
  for (const port of sentinels) {
    await servers.launch(port, [`requirepass "${SENTINEL_PASSWORD}"`,
      `sentinel monitor ${SERVICE} 127.0.0.1 ${base} 2`, `sentinel auth-pass ${SERVICE} "${PASSWORD}"`,
      `sentinel down-after-milliseconds ${SERVICE} 1000`, `sentinel failover-timeout ${SERVICE} 5000`], '--sentinel');
  }
  await until(async () => {
    const state = await redisCli(sentinels[0], SENTINEL_PASSWORD, 'SENTINEL', 'master', SERVICE);
    const value = (key) => state.split('\n')[state.split('\n').indexOf(key) + 1];
    return value('num-other-sentinels') === '2' && value('num-slaves') === '2';
  }, 30_000, 'three Sentinels that know each other');
  const places = sentinels.map((port) => `127.0.0.1:${port}`);
  system = await start({ gateways: 2, brokers: 2, env: {
    // The first one that is asked does not exist.
    REDIS_URL: `redis+sentinel://:${encodeURIComponent(PASSWORD)}@127.0.0.1:1,${places.join(',')}/${SERVICE}`
      + `?sentinel_password=${encodeURIComponent(SENTINEL_PASSWORD)}`,
    WEBSOCKET_RATE_LIMIT: '0',
  } });
});

after(async () => {
  await system?.stop();
  await servers.stop();
});

test('the system finds the new primary by itself; what was acknowledged is stored once', { timeout: 180_000 },
  (t) => failUnderLoad(t, system, { primary: primaryPort, fail: (port) => servers.kill(port) }));
