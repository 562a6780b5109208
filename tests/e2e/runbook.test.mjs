// SPDX-License-Identifier: MIT
// docs/runbook.md, tried: every command in it that needs no other machine runs as it is printed, what it says
// that a log says is said, and what it tells to do about a failure ends that failure.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { ROOT, run, start, until } from './lib/system.mjs';
import { pdf, upload } from './lib/upload.mjs';

const COMMAND = /^((r|tools\/peek|for|curl|jq|df|\.\/dev logs)\b|psql ")/;
const ERROR_REPLY = /^(\(error\) )?(ERR|WRONGTYPE|NOPERM|NOAUTH|OOM|READONLY|LOADING)\b/m;   // redis-cli exits with 0
const ELSEWHERE = /…|googleapis/;      // addresses that a test has not
const ENDLESS = 'r --latency';
const BROKERS = ['broker', 'broker2'];
const GATEWAYS = ['gateway', 'gateway2'];
const PARTITIONS = 16;

const book = await readFile(path.join(ROOT, 'docs/runbook.md'), 'utf8');
const blocks = [...book.matchAll(/^```sh\n(.*?)^```/gms)].map(([, text]) => text);
const spans = [...book.replace(/^```.*?^```/gms, '').matchAll(/`([^`]+)`/g)].map(([, text]) => text.replace(/\s+/g, ' '));
const [prologue, ...blockCommands] = blocks;
const commands = [...new Set([...blockCommands, ...spans.filter((text) => COMMAND.test(text) && !ELSEWHERE.test(text))])];

let system;
let client;
let gateway, partition;         // with something in their streams
before(async () => {
  system = await start({ gateways: 2, brokers: 2, env: { WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0', SERVICE_KEY: 'between-services' } });
  client = await Client.chat(system, 'general', { user: 'alice' });
  await client.say('something to look at');
  [gateway, partition] = [await filledStream('kb:out:*'), await filledStream('kb:in:*')];
});
after(async () => {
  await client.close();
  await system.stop();
});

/** What stands in the braces of a stream that holds something. */
async function filledStream(pattern) {
  for (const key of (await system.redis('--scan', '--pattern', pattern)).split('\n')) {
    if (await system.redis('XLEN', key) !== '0') {
      return /\{(.*)\}/.exec(key)[1];
    }
  }
  throw new Error(`nothing in ${pattern}`);
}

const port = (url) => new URL(url).host;

/** Run a command of the book in a shell with its own prologue; resolves to { code, stdout, stderr }. */
function shell(command, input = '/dev/null') {
  const addresses = system.info.metrics.map(port);
  const script = [prologue.replace(/^export .*\n/m, '').replace(/^GW=.*\n/m, ''), `exec <${input}`,
    command.replace('<partition>', `${partition}`).replace('<gateway>', gateway)];
  return run('timeout', ['10', 'bash', '-euo', 'pipefail', '-c', script.join('\n')], { cwd: ROOT, env: {
    ...process.env, REDIS_URL: system.info.redis_url, DATABASE_URL: system.info.database_url, KIBRAY_VAR: system.varFolder,
    GW: addresses.slice(0, 2).join(' '), BR: addresses.slice(2).join(' '), STORAGE_ROOT: path.join(system.varFolder, 'media'),
  } });
}

/** The one command of the book that holds this text, run; resolves to what it printed. */
async function tried(text) {
  const found = commands.filter((command) => command.includes(text));
  assert.ok(found.length > 0, `the runbook has nothing with ${text}`);
  const { code, stdout, stderr } = await shell(found[0]);
  assert.equal(code, 0, `${found[0]}\n${stderr}`);
  return stdout;
}

async function isLogged(event) {
  const texts = await Promise.all([...BROKERS, ...GATEWAYS].map((part) => system.log(part)));
  return texts.some((text) => text.includes(`"event":"${event}"`));
}
const logged = (...events) => until(async () => (await Promise.all(events.map(isLogged))).every(Boolean), 20_000, `${events} in a log`);
/** Whether something that is said is answered by its own copy; on a new socket if the last one was closed. */
async function isServed(text) {
  try {
    if (!client.isOpen) {
      client = await Client.chat(system, 'general', { user: 'alice' });
    }
    return (await client.say(text)).type === 'chat_message';
  } catch {
    return false;
  }
}
const served = (text) => until(() => isServed(text), 60_000, 'service');

/** Every event that a daemon can log, and every other name in its sources. */
async function namesInSources() {
  const names = new Set();
  for (const folder of ['broker', 'common', 'gateway', 'proto']) {
    const files = await readdir(path.join(ROOT, folder), { recursive: true });
    for (const file of files.filter((name) => /\.[ch]$/.test(name))) {
      for (const [, name] of (await readFile(path.join(ROOT, folder, file), 'utf8')).matchAll(/"([a-z0-9_]+)"/g)) {
        names.add(name);
      }
    }
  }
  return names;
}

test('what the book looks for in logs and metrics exists', async () => {
  const wanted = spans.filter((text) => /^[a-z0-9]+(_[a-z0-9]+)+$/.test(text));
  const names = await namesInSources();
  assert.ok(wanted.length > 30, `${wanted.length}`);
  assert.deepEqual(wanted.filter((name) => !names.has(name)), []);
});

describe('its commands', () => {
  before(async () => {
    // A route has numbers where it was asked for.
    await until(async () => {
      await system.http('/api/users/me/');
      return (await Promise.all(BROKERS.map((part) => system.metrics(part)))).every((text) => /^http_/m.test(text));
    }, 30_000, 'requests at both brokers');
  });
  test('are found', () => {
    for (const part of ['SELECT 1', 'min(due_at)', "state <> 'idle'", 'pg_blocking_pids', '<gateway>', 'dead:in dead:out', 'settings']) {
      assert.ok(commands.some((command) => command.includes(part)), part);
    }
  });

  for (const command of commands) {
    test(command.split('\n')[0], async () => {
      const { code, stdout, stderr } = await shell(command, command.startsWith('jq') ? path.join(system.varFolder, 'log/broker.log') : undefined);
      assert.ok(code === 0 || (command === ENDLESS && code === 124), `${code} ${stderr}`);
      assert.doesNotMatch(stderr, /ERR |error|not found/i);
      assert.doesNotMatch(stdout, ERROR_REPLY);
    });
  }

  test('say what the book says', async () => {
    assert.match(await tried('readyz'), /"status":"ready","parts":/);
    assert.match(await tried('maxmemory-policy'), /noeviction/);
    assert.match(await tried("'kb:out:{<gateway>}' 5"), /^(\{.*\}\n)+$/);
    assert.match(await tried('<partition>'), /^\{/m);
    const lines = async (command, form) => (await tried(command)).split('\n').filter((line) => form.test(line)).length;
    await until(async () => await lines('kb:lease', /^\d+ broker/) === PARTITIONS, 20_000, 'all to be owned');
    await until(async () => await lines('last-delivered-id', /: 0$/) === PARTITIONS, 20_000, 'nothing to be left over');
  });
});

describe('its remedies', () => {
  test('a store that is away: who misses it says so, and all comes back by itself', async () => {
    const before = client;
    await system.kill('postgres');
    await until(async () => /"postgres[^"]*":"(?!ready|up)/.test(await tried('readyz')), 20_000, 'a broker that misses PostgreSQL');
    await logged('pg_link_down');
    await system.start('postgres');
    await served('PostgreSQL is back');
    assert.equal(client, before, 'its socket stayed open');
  });

  test('leases of a stranger without an end are deleted, and brokers take the partitions', async () => {
    const all = Array.from({ length: PARTITIONS }, (_, p) => `kb:lease:{${p}}`);
    for (const key of all) {
      await system.redis('SET', key, 'stranger.1');
    }
    await until(async () => !await isServed('nobody'), 20_000, 'partitions that stand still');
    assert.match((await shell("r PTTL 'kb:lease:{0}'")).stdout, /^-1$/m);
    for (const key of all) {
      assert.equal((await shell(`r DEL '${key}'`)).stdout, '1\n');
    }
    await served('owned again');
  });

  test('a Redis that is full: gateways say that there is no broker, and more memory is all that it takes', async () => {
    await system.redis('CONFIG', 'SET', 'maxmemory', '1mb');
    try {
      await until(async () => /"broker":"down"/.test(await tried('readyz')), 30_000, 'gateways without a broker');
      assert.equal((await client.say('into the void')).code, 'SERVICE_UNAVAILABLE');
      await until(async () => await system.redis('EXISTS', `kb:gw:{${gateway}}`) === '0', 30_000, 'the lease of a gateway to run out');
    } finally {
      await system.redis('CONFIG', 'SET', 'maxmemory', '0');
    }
    await logged('gateway_lease_lost');
    await served('room again');
  });

  test('a broker that stands still is found and killed; another one takes over', async () => {
    const owners = async () => new Set((await tried('kb:lease')).split('\n').filter((line) => /^\d+ broker/.test(line))
      .map((line) => line.split(/[ .]/)[1]));
    await until(async () => (await owners()).size === 2, 30_000, 'both own partitions');
    await system.signal('broker', 'SIGSTOP');
    const pid = (await system.status()).pids.broker[0];
    assert.match((await shell(`ps -o stat,wchan -p ${pid}`)).stdout, /^T/m);
    await system.kill('broker');
    await until(async () => { const all = await owners(); return all.size === 1 && all.has('broker2'); }, 30_000, 'the other one to own all');
    await served('taken over');
    await system.start('broker');
    await system.ready('broker');
  });

  test('a lock in PostgreSQL: who waits, for whom, and cancelling that', async () => {
    const psql = spawn('psql', ['-XqAt', '-d', system.info.database_url, '-c',
      'BEGIN; LOCK TABLE chat_message IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(100)'], { stdio: 'ignore' });
    const gone = once(psql, 'exit');
    await until(async () => /LOCK TABLE/.test(await tried('pg_blocking_pids')), 20_000, 'the statement that lasts');
    try {
      client.sendChat('late, or not at all');
      const blocked = await until(async () => /\{(\d+)\}/.exec(await tried('pg_blocking_pids')), 20_000, 'who waits');
      await system.sql(`SELECT pg_cancel_backend(${blocked[1]})`);
      await gone;
    } finally {
      psql.kill();
    }
    await served('free again');
  });

  test('what PostgreSQL refuses is given up alone, with its reason', async () => {
    await served('before');
    await system.sqlExec("ALTER TABLE chat_message ADD CONSTRAINT by_hand CHECK (content <> 'poison')");
    const other = await Client.chat(system, 'general', { user: 'bob' });
    client.sendChat('poison', { client_id: 'poison' });
    await other.say('well');
    assert.equal((await client.next((f) => f.client_id === 'poison')).code, 'INTERNAL_ERROR');
    await logged('store_refused', 'entry_refused_by_database');
    assert.match(await tried('kb:dead:in'), /by_hand|23514|database/);
    await system.sqlExec('ALTER TABLE chat_message DROP CONSTRAINT by_hand');
    assert.equal((await client.say('poison')).type, 'chat_message');
    await other.close();
  });

  test('bytes of somebody else on our streams are named', async () => {
    const id = await system.redis('XADD', 'kb:in:{3}', '*', 'e', 'not an envelope');
    await until(async () => (await tried('kb:dead:in')).includes(id), 20_000, 'the dead letter');
    await served('goes on');
  });

  test('what other services do wrong is logged', async () => {
    await system.redis('XADD', 'kb:notify', '*', 'user_ids', 'everybody', 'title', 't', 'message', 'm');
    const wrong = await system.http('/api/notifications/', { body: { user_ids: [1], title: 't', message: 'm' }, headers: { Authorization: 'Api-Key old' } });
    assert.ok([401, 403].includes(wrong.status), `${wrong.status}`);
    await logged('notify_entry_refused', 'service_key_refused');
  });

  test('a storage that was mounted anew is used after brokers restarted, one after the other', async () => {
    const media = path.join(system.varFolder, 'media');
    await rename(media, `${media}.away`);
    await mkdir(media, { mode: 0o700 });
    for (const part of BROKERS) {
      await system.terminate(part);
      await system.start(part);
      await system.ready(part);
    }
    await served('after both restarts');
    const done = await upload(client, pdf(100_000), { channel_id: system.channel('general').id });
    assert.equal(done.type, 'upload_complete', JSON.stringify(done));
    assert.ok((await system.mediaFiles()).length > 0);
    await rm(`${media}.away`, { recursive: true });
  });
});
