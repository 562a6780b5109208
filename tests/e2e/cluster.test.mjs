// SPDX-License-Identifier: MIT
// A Redis Cluster of three primaries with a replica each: the primary of our slot is killed under
// load, and another time gives its slots away while it lives on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { failUnderLoad, redisCli, RedisServers } from './lib/failover.mjs';
import { freePort, run, start, until } from './lib/system.mjs';

const PASSWORD = 'cluster secret';
const KEY = '{kb:}primary'; // any key of the system

const servers = new RedisServers();
let ports;
let system;
let stale, asked = 0;

// The nodes as the first server that answers sees them: { port, id, isPrimary, of, isAlive, slots }.
async function nodes() {
  for (const port of ports) {
    const text = await redisCli(port, PASSWORD, 'CLUSTER', 'NODES').catch(() => '');
    if (text.includes('myself')) {
      return text.split('\n').map((line) => {
        const [id, address, flags, of, , , , link, ...slots] = line.split(' ');
        return { id, port: Number(address.split(/[:@]/)[1]), isPrimary: flags.includes('master'), of, slots,
          isAlive: link === 'connected' && !flags.includes('fail') };
      });
    }
  }
  return [];
}

let slot;

// Undefined while nobody has our slot.
async function primaryNode() {
  return (await nodes()).find(({ isPrimary, isAlive, slots }) => isPrimary && isAlive && slots.some((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return from <= slot && slot <= to;
  }));
}
const primaryPort = async () => (await primaryNode())?.port;

const replicaOf = async ({ id }) => (await nodes()).find(({ of, isAlive }) => of === id && isAlive);

before(async () => {
  const base = await freePort();
  ports = [0, 1, 2, 3, 4, 5].map((i) => base + i);
  for (const port of ports) {
    await servers.launch(port, [`requirepass "${PASSWORD}"`, `masterauth "${PASSWORD}"`, 'cluster-enabled yes',
      `cluster-port ${port + 100}`, 'cluster-node-timeout 1000', 'appendonly yes', 'appendfsync everysec', 'repl-diskless-sync-delay 0']);
  }
  await until(async () => {
    const answers = await Promise.all(ports.map((port) => redisCli(port, PASSWORD, 'PING').catch(() => '')));
    return answers.every((answer) => answer === 'PONG');
  }, 30_000, 'six servers');
  await run('redis-cli', ['--cluster', 'create', ...ports.map((port) => `127.0.0.1:${port}`), '--cluster-replicas', '1',
    '--cluster-yes'], { env: { ...process.env, REDISCLI_AUTH: PASSWORD } });
  slot = Number(await redisCli(ports[0], PASSWORD, 'CLUSTER', 'KEYSLOT', KEY));
  await until(async () => {
    const all = await nodes();
    return all.filter(({ isPrimary }) => !isPrimary).length === 3
      && (await redisCli(ports[5], PASSWORD, 'CLUSTER', 'INFO')).includes('cluster_state:ok');
  }, 30_000, 'three primaries with a replica each');
  stale = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => { asked++; socket.write('+OK\r\n-MOVED 1 127.0.0.1:1\r\n'); });
  });
  stale.listen(0, '127.0.0.1');
  await once(stale, 'listening');
  system = await start({ gateways: 2, brokers: 2, env: {
    // The first one that is asked does not exist, the second one knows only a server that is gone.
    REDIS_URL: `redis+cluster://:${encodeURIComponent(PASSWORD)}@127.0.0.1:1,127.0.0.1:${stale.address().port},`
      + ports.map((port) => `127.0.0.1:${port}`).join(','),
    WEBSOCKET_RATE_LIMIT: '0',
  } });
});

after(async () => {
  await system?.stop();
  stale?.close();
  await servers.stop();
});

test('a seed with a stale answer holds nobody up', () => {
  assert.ok(asked > 0);
});

test('all keys lie in the slot of the prefix', { timeout: 60_000 }, async () => {
  const own = await redisCli(await primaryPort(), PASSWORD, '--scan');
  assert.match(own, /\{kb:\}in:\{\d+\}/);
  for (const key of own.split('\n')) {
    assert.ok(key.startsWith('{kb:}'), key);
  }
  for (const { port } of (await nodes()).filter(({ isPrimary }) => isPrimary)) {
    if (port !== await primaryPort()) {
      assert.equal(await redisCli(port, PASSWORD, 'DBSIZE'), '0');
    }
  }
});

test('the slot is given to the replica while the old primary lives: clients follow', { timeout: 180_000 },
  (t) => failUnderLoad(t, system, { primary: primaryPort, fail: async () => {
    const replica = await replicaOf(await primaryNode());
    assert.equal(await redisCli(replica.port, PASSWORD, 'CLUSTER', 'FAILOVER'), 'OK');
  } }));

test('the primary is killed: the replica takes over, what was acknowledged is stored once', { timeout: 180_000 },
  async (t) => {
    // The one that was demoted must have caught up first.
    await until(async () => {
      const replica = await replicaOf(await primaryNode());
      return replica && (await redisCli(replica.port, PASSWORD, 'INFO', 'replication')).includes('master_link_status:up');
    }, 30_000, 'a replica that is up to date');
    await failUnderLoad(t, system, { primary: primaryPort, fail: (port) => servers.kill(port) });
  });
