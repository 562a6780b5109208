// SPDX-License-Identifier: MIT
// Redis over TLS. A build whose hiredis has none must say so at its start; one that has it must talk
// only to a server that it can verify.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { RedisServers } from './lib/failover.mjs';
import { makeCertificate } from './lib/push_services.mjs';
import { freePort, ROOT, run, start } from './lib/system.mjs';

const BIN = path.join(process.env.KIBRAY_BUILD ?? path.join(ROOT, 'build'), 'bin');
const PASSWORD = 'tls secret';

// The prefix is wrong in any case, so that it ends at once.
async function startsWith(program, redisUrl) {
  return run(path.join(BIN, program), [], { env: { ...process.env, REDIS_URL: redisUrl, DATABASE_URL: '',
    REDIS_PREFIX: 'no good' } });
}

const hasTls = !(await startsWith('kibray-broker', 'rediss://127.0.0.1:1')).stderr.includes('asks for TLS');

describe('a build without it', { skip: hasTls }, () => {
  for (const [program, exitCode] of [['kibray-gateway', 64], ['kibray-broker', 2]]) {
    for (const form of ['rediss://h', 'rediss+sentinel://h/s', 'rediss+cluster://h']) {
      test(`${program} refuses ${form}`, async () => {
        const { code, stderr } = await startsWith(program, form);
        assert.equal(code, exitCode);
        assert.match(stderr, /REDIS_URL asks for TLS, which this build's hiredis does not have/);
      });
    }
  }
});

describe('a build with it', { skip: !hasTls }, () => {
  const servers = new RedisServers();
  let folder, port, good, other, system;

  const url = (host, ca) => `rediss://:${encodeURIComponent(PASSWORD)}@${host}:${port}/0?ca_file=${encodeURIComponent(ca)}`;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kibray-redis-tls-'));
    good = await makeCertificate(folder, 'good');
    other = await makeCertificate(folder, 'other');
    port = await freePort();
    await servers.launch(port, ['port 0', `tls-port ${port}`, `tls-cert-file ${good.cert}`, `tls-key-file ${good.key}`,
      'tls-auth-clients no', `requirepass "${PASSWORD}"`, 'appendonly yes']);
    system = await start({ gateways: 2, brokers: 2, env: { REDIS_URL: url('127.0.0.1', good.cert), WEBSOCKET_RATE_LIMIT: '0' } });
  });
  after(async () => {
    await system?.stop();
    await servers.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('chats, small and large', async () => {
    const [alice, bob] = await Promise.all(['alice', 'bob'].map((user, gateway) => Client.chat(system, 'general', { user, gateway })));
    for (let i = 0; i < 50; i++) {
      const text = `${i} `.padEnd(i % 2 ? 3900 : 10, 'x');
      alice.sendChat(text);
      assert.equal((await bob.next('chat_message')).message.content, text.trimEnd());
    }
    await Promise.all([alice.close(), bob.close()]);
  });

  for (const [what, address] of [['another authority', () => url('127.0.0.1', other.cert)],
    ['another name', () => url('127.0.0.2', good.cert)], ['no such file', () => url('127.0.0.1', '/nowhere.pem')]]) {
    test(`does not talk to a server it cannot verify: ${what}`, { timeout: 30_000 }, async () => {
      const child = spawn(path.join(BIN, 'kibray-gateway'), [], { stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, PORT: `${port + 1}`, METRICS_PORT: '0', REDIS_URL: address() } });
      try {
        const seen = [];
        for await (const line of createInterface({ input: child.stdout })) {
          seen.push(JSON.parse(line).event);
          if (seen.some((event) => /^redis_/.test(event))) {
            break;
          }
        }
        assert.equal(seen.at(-1), 'redis_connect_failed');
      } finally {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    });
  }
});
