// SPDX-License-Identifier: MIT
// Several Redis servers in a folder of their own, and what a system under load must show when the
// primary among them goes away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Sender } from './steady.mjs';
import { run, until } from './system.mjs';

export class RedisServers {
  #children = new Map(); // port → process
  #folder;

  async launch(port, lines, ...options) {
    this.#folder ??= await mkdtemp(path.join(tmpdir(), 'kibray-redis-'));
    const own = path.join(this.#folder, `${port}`);
    const file = path.join(own, 'redis.conf');
    await mkdir(own);
    await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${own}`, 'save ""', ...lines].join('\n'));
    this.#children.set(port, spawn('redis-server', [file, ...options], { stdio: 'ignore' }));
  }

  kill(port) {
    this.#children.get(port).kill('SIGKILL');
  }

  async stop() {
    for (const child of this.#children.values()) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    if (this.#folder) {
      await rm(this.#folder, { recursive: true, force: true });
    }
  }
}

// The answer of redis-cli; the password travels by the environment.
export const redisCli = async (port, password, ...args) => (await run('redis-cli', ['-p', `${port}`, ...args],
  { env: { ...process.env, REDISCLI_AUTH: password } })).stdout.trim();

let round = 0; // each with client_ids of its own

// Four people write all the time; `fail` takes the primary away. Messages are acknowledged again
// by themselves, and each that was acknowledged is stored once. `primary` names the present one.
export async function failUnderLoad(t, system, { primary, fail }) {
  round++;
  const senders = ['alice', 'bob', 'carol', 'admin'].map((user) => new Sender(system, 'general', user, `${user}${round}`));
  let isOver = false;
  const work = senders.map(async (sender) => {
    for (let number = 0; !isOver; number++) {
      await sender.send(number);
      await delay(10);
    }
  });
  const acknowledged = () => senders.reduce((sum, { acknowledged: a }) => sum + a.size, 0);
  try {
    await until(() => acknowledged() >= 200, 30_000, 'messages before');
    const old = await primary();
    const before = acknowledged();
    const failedAt = Date.now();
    await fail(old);
    await until(async () => ![old, undefined].includes(await primary()), 30_000, 'another primary');
    const electedAt = Date.now();
    await until(() => acknowledged() >= before + 50, 60_000, 'messages after');
    t.diagnostic(`new primary after ${electedAt - failedAt} ms, 50 messages acknowledged after ${Date.now() - failedAt} ms`);
    isOver = true;
    await Promise.all(work);
  } finally {
    isOver = true;
    await Promise.all(senders.map((sender) => sender.stop()));
  }

  const stored = await system.sql(`SELECT content, count(*)::int AS n FROM chat_message GROUP BY content`);
  const count = new Map(stored.map(({ content, n }) => [content, n]));
  for (const { name, acknowledged: own } of senders) {
    for (const clientId of own.keys()) {
      assert.equal(count.get(`${name} says ${clientId.slice(name.length + 1)}`), 1, clientId);
    }
  }
}
