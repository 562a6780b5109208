// SPDX-License-Identifier: MIT
// The rehearsal of docs/backup.md: a system is used, backed up, used on, and lost with its database, its Redis and
// its files. Another one is made from the backup and has everything of that moment. And a Redis that loses all that
// it had, alone.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { startS3 } from './lib/s3.mjs';
import { run, start, until } from './lib/system.mjs';
import { pdf, sha256, upload } from './lib/upload.mjs';

const SECRET_KEY = 'the same before and after, as docs/backup.md says';
const ENV = { SECRET_KEY, WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0' };
const MESSAGES = 30;                // in each channel
const CHANNELS = ['general', 'random', 'leads'];
const PARTS = ['gateway', 'broker', 'redis', 'postgres'];
const FILE = pdf(700_000);

async function must(file, args, options) {
  const result = await run(file, args, options);
  assert.equal(result.code, 0, `${file} ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

const content = (frame) => frame.type !== 'connection_established' && frame.seq !== undefined;
const media = (system) => path.join(system.varFolder, 'media');
const authorization = async (system, user) => ({ Authorization: `Bearer ${await system.token(user)}` });

async function get(system, user, pathName) {
  const answer = await system.http(pathName, { headers: await authorization(system, user) });
  assert.equal(answer.status, 200, `${pathName}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function fileOf(system, user, pathName) {
  const response = await fetch(system.info.url + pathName, { headers: await authorization(system, user) });
  assert.equal(response.status, 200, pathName);
  return Buffer.from(await response.arrayBuffer());
}

/** What people see: the messages of all channels, alice's notifications and channels. */
async function view(system) {
  const seen = {};
  for (const name of CHANNELS) {
    seen[name] = await get(system, 'alice', `/api/channels/${system.channel(name).id}/messages/?limit=200`);
  }
  seen.notifications = await get(system, 'alice', '/api/notifications/?limit=200');
  seen.channels = await get(system, 'alice', '/api/channels/');
  return seen;
}

const newestNotification = async (system) => (await get(system, 'alice', '/api/notifications/')).results[0];

/** Messages, an edit, a deletion, what was read, a file, somebody who is told. */
async function use(system) {
  for (const name of CHANNELS) {
    const client = await Client.chat(system, name, { user: 'alice' });
    for (let i = 0; i < MESSAGES; i++) {
      client.sendChat(`${name} ${i}`, { client_id: `${name}-${i}` });
    }
    const frames = await client.count('chat_message', MESSAGES);
    client.send({ type: 'edit_message', message_id: frames[0].message.id, new_content: 'edited' });
    client.send({ type: 'delete_message', message_id: frames[1].message.id });
    client.send({ type: 'read_receipt', message_id: frames[2].message.id });
    await client.next('read_receipt');
    await client.close();
  }
  const bob = await Client.chat(system, 'leads', { user: 'bob' });
  await bob.say('@alice look at this');
  const first = await until(() => newestNotification(system), 10_000, 'a notification');
  const done = await upload(bob, FILE);
  assert.equal(done.type, 'upload_complete');
  await bob.next((frame) => frame.type === 'chat_message' && frame.message.attachments.length === 1);
  await bob.close();
  // One of a channel that is still unread is renewed by the next message.
  await until(async () => (await newestNotification(system)).created_at !== first.created_at, 10_000, 'its renewal');
  return done.attachment.url;
}

/** The S3 server of the tests is no https://s3.amazonaws.com, which s3cmd would ask by itself. */
function s3cmdFlags({ url, accessKey, secretKey }) {
  const { host } = new URL(url);
  return ['--config=/dev/null', '--quiet', '--no-ssl', `--host=${host}`, `--host-bucket=${host}`,
    `--access_key=${accessKey}`, `--secret_key=${secretKey}`];
}

/** Where files are kept: settings, how their contents are saved and put back, and how they are lost. */
const STORAGES = {
  local: async () => ({
    settings: { STORAGE: 'local' },
    save: (system, folder) => must('tar', ['-C', media(system), '--exclude=./~tmp', '-cf', `${folder}/media.tar`, '.']),
    putBack: (system, folder) => must('tar', ['-C', media(system), '-xf', `${folder}/media.tar`]),
    stop: async () => {},
  }),
  s3: async () => {
    const s3 = await startS3();
    const sync = (from, to) => must('s3cmd', [...s3cmdFlags(s3), 'sync', from, to]);
    return {
      settings: s3.settings,
      save: (system, folder) => sync(`s3://${s3.bucket}/`, `${folder}/files/`),
      putBack: (system, folder) => sync(`${folder}/files/`, `s3://${s3.bucket}/`),
      stop: () => s3.stop(),
    };
  },
};

/** docs/backup.md, "Make a backup": the database first, then the files. */
async function backUp(system, storage, folder) {
  await must('pg_dump', ['--format=custom', '--no-owner', '--no-privileges', '--file', `${folder}/kibray.dump`,
    '--dbname', system.info.database_url]);
  await storage.save(system, folder);
}

/** docs/backup.md, "Restore": into an empty database, with an empty Redis, before anything starts. */
async function restore(system, storage, folder) {
  const home = await realpath(path.join(system.varFolder, 'postgres'));
  const admin = ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', home, '-p', `${system.info.port + 190}`, '-U', 'postgres'];
  await system.kill('gateway');
  await system.kill('broker');
  await must('psql', [...admin, '-d', 'postgres', '-c', 'DROP DATABASE kibray WITH (FORCE)',
    '-c', 'CREATE DATABASE kibray OWNER kibray']);
  const list = await must('pg_restore', ['--list', `${folder}/kibray.dump`]);
  const kept = list.split('\n').filter((line) => !line.includes(' EXTENSION ')).join('\n');
  await must('sh', ['-c', 'printf %s "$1" >"$2"', 'sh', kept, `${folder}/list`]);
  await must('pg_restore', ['--no-owner', '--exit-on-error', '--single-transaction', `--use-list=${folder}/list`,
    '--dbname', system.info.database_url, `${folder}/kibray.dump`]);
  await storage.putBack(system, folder);
  await system.redis('FLUSHALL');
  await system.broker(['migrate']);
  await system.start('broker');
  await system.start('gateway');
  await system.ready('broker');
  await system.ready('gateway');
}

for (const [kind, makeStorage] of Object.entries(STORAGES)) {
  describe(`everything is lost but the backup, files ${kind}`, () => {
    let folder, storage, system, was, url, hello, oldToken, restored;

    before(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'kibray-backup-'));
      storage = await makeStorage();
      system = await start({ env: { ...ENV, ...storage.settings } });
      await system.addUser('dora');
      url = await use(system);
    });
    after(async () => {
      await restored?.stop();
      await storage.stop();
      await rm(folder, { recursive: true, force: true });
    });

    test('a backup is made while the system runs', async () => {
      was = await view(system);
      const client = await Client.chat(system, 'general', { user: 'bob' });
      hello = client.hello;
      await client.close();
      oldToken = await system.token('alice');
      await backUp(system, storage, folder);
      const later = await Client.chat(system, 'general', { user: 'bob' });
      await later.say('after the backup');
      await later.close();
    });

    test('another system is made from it', { timeout: 120_000 }, async () => {
      for (const part of PARTS) {
        await system.kill(part);
      }
      await system.stop();            // removes the database, Redis and the files
      await storage.stop();
      storage = await makeStorage();
      restored = await start({ env: { ...ENV, ...storage.settings } });
      await restore(restored, storage, folder);
      restored.info = { ...restored.info, ...(await restored.status()) };
    });

    test('messages, channels and notifications are those of the backup', async () => {
      assert.deepEqual(await view(restored), was);
      assert.equal(was.general.results.length, MESSAGES);
      assert.equal(was.leads.results.length, MESSAGES + 2);
    });

    test('people have their passwords, and their tokens still hold', async () => {
      assert.equal((await restored.login('dora')).status, 200);
      assert.equal((await restored.login('dora', 'wrong')).status, 401);
      const me = await restored.http('/api/users/me/', { headers: { Authorization: `Bearer ${oldToken}` } });
      assert.equal(me.status, 200);
      assert.equal(me.body.username, 'alice');
    });

    test('the file is there, byte by byte', async () => {
      assert.equal(sha256(await fileOf(restored, 'alice', url)), sha256(FILE));
    });

    test('a channel goes on where the backup was, and who comes back gets what it missed', async () => {
      const client = await Client.chat(restored, 'general', { user: 'alice' });
      assert.equal(client.hello.seq, hello.seq);
      const frame = await client.say('first of the new system');
      assert.equal(frame.seq, hello.seq + 1);
      const back = await Client.chat(restored, 'general', { user: 'bob', since: hello.seq - 3 });
      assert.equal(back.hello.resumed, true);
      const missed = await back.count(content, 4);
      assert.deepEqual(missed.map((one) => one.seq), [-2, -1, 0, 1].map((n) => hello.seq + n));
      await client.close();
      await back.close();
    });

    test('a repeated client_id from before the backup is still known', async () => {
      const client = await Client.chat(restored, 'random', { user: 'alice' });
      client.sendChat('random 5', { client_id: 'random-5' });
      const frame = await client.next('chat_message');
      assert.equal(frame.message.id, was.random.results.find((one) => one.content === 'random 5').id);
      await client.close();
    });
  });
}

describe('Redis alone loses everything', () => {
  let system;
  before(async () => {
    system = await start({ env: ENV });
  });
  after(() => system.stop());

  test('without its append-only file nothing is missing that anybody saw', { timeout: 120_000 }, async () => {
    await use(system);
    const was = await view(system);
    const client = await Client.chat(system, 'general', { user: 'bob' });
    const { seq } = client.hello;
    await system.kill('redis');
    const folder = path.join(system.varFolder, 'redis');
    for (const name of await readdir(folder)) {
      if (name !== 'redis.conf') {
        await rm(path.join(folder, name), { recursive: true });
      }
    }
    await system.start('redis');
    await system.ready('broker');
    await system.ready('gateway');
    const again = await until(() => Client.chat(system, 'general', { user: 'bob', since: seq - 2 })
      .catch(() => null), 30_000, 'a socket');
    const missed = await again.count(content, 2);
    assert.deepEqual(missed.map((frame) => frame.seq), [seq - 1, seq]);
    assert.equal((await until(() => again.say('on we go').catch(() => null), 30_000, 'service')).seq, seq + 1);
    const now = await view(system);
    assert.deepEqual(now.leads, was.leads);
    assert.deepEqual(now.notifications, was.notifications);
    await again.close();
  });
});
