// SPDX-License-Identifier: MIT
// An upload survives what happens to everything around it: sockets that are cut, a gateway and a
// broker that are killed, a storage that is away or full. With both storages.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { startS3 } from './lib/s3.mjs';
import { onlyHere, start, until } from './lib/system.mjs';
import { begin, chunk, chunksOf, pdf, sendChunk, sha256, upload } from './lib/upload.mjs';

const LIMITS = { USER_RATE_LIMIT: '0', WEBSOCKET_RATE_LIMIT: '100000', UPLOAD_BYTES_PER_MINUTE: '0' };

/** As a browser does: connects again, to any gateway that answers, goes on where the server says. */
class Uploader {
  constructor(system, user, room) {
    Object.assign(this, { system, user, room, gateway: 0, id: undefined, reconnects: 0 });
  }

  async connect() {
    for (;;) {
      try {
        this.gateway = (this.gateway + 1) % 2;
        this.client = await Client.chat(this.system, this.room, { user: this.user, gateway: this.gateway });
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Sends what is missing with 6 chunks unanswered; `onProgress(bytes)` may do harm. */
  async run(data, size, onProgress) {
    const chunks = chunksOf(data, size);
    for (;;) {
      await this.connect();
      try {
        return await this.#session(data, chunks, onProgress);
      } catch (error) {
        this.reconnects++;
        this.lastError = error;
      }
    }
  }

  async #session(data, chunks, onProgress) {
    const started = await begin(this.client, { file_size: data.length, upload_id: this.id });
    if (started.type === 'error') {
      throw new Error(JSON.stringify(started));
    }
    this.id = started.upload_id;
    const missing = chunks.map((_, i) => i).filter((i) => !started.received.includes(i));
    const underWay = new Set();
    while (missing.length > 0 || underWay.size > 0) {
      while (missing.length > 0 && underWay.size < 6) {
        const index = missing.shift();
        underWay.add(index);
        sendChunk(this.client, this.id, index, chunks[index], { client_id: `${index}` });
      }
      const frame = await this.client.next((f) => f.type === 'upload_progress' || f.type === 'error');
      if (frame.type === 'error') {
        assert.equal(frame.code, 'SERVICE_UNAVAILABLE', JSON.stringify(frame));
        underWay.delete(Number(frame.client_id));
        missing.push(Number(frame.client_id));
      } else {
        underWay.delete(frame.chunk_index);
        await onProgress?.(frame.received);
      }
    }
    return this.client.next('upload_complete', 60_000);
  }
}

/** What happens once each, when so much of the file is there. */
function harm(events) {
  const left = [...events];
  return async (received) => {
    while (left.length > 0 && received >= left[0][0]) {
      await left.shift()[1]();
    }
  };
}

async function checkPosted(system, data, complete, room) {
  const back = await Client.chat(system, room, { user: 'bob', gateway: 1, since: 0 });
  const posts = () => back.frames.filter((f) => f.type === 'chat_message'
    && f.message.attachments.some((a) => a.id === complete.attachment.id));
  await until(() => posts().length > 0, 30_000, 'the message of the file');
  await back.say('that was all');
  assert.equal(posts().length, 1);
  await back.close();
  assert.equal(complete.attachment.sha256, sha256(data));
  const [{ n }] = await system.sql(`SELECT count(*)::int AS n FROM chat_message
    WHERE attachments LIKE '[{"id":${complete.attachment.id},%'`);
  assert.equal(n, 1);
}

for (const kind of ['local', 's3']) {
  describe(`with the storage ${kind}`, { skip: kind === 's3' && onlyHere }, () => {
    let system, s3;
    before(async () => {
      s3 = kind === 's3' ? await startS3() : null;
      system = await start({ gateways: 2, brokers: 2, env: { ...LIMITS, ...s3?.settings, UPLOAD_EXPIRY: '20' } });
    });
    after(async () => {
      await system.stop();
      await s3?.stop();
    });

    /** Files of an upload that are in the storage. */
    const stored = async (name) => (kind === 's3' ? await objects() : await system.mediaFiles()).filter((file) => file.includes(name));
    const objects = async () => (await readdir(s3.data, { recursive: true }))
      .filter((file) => file.endsWith('_object'));      // it keeps two more files beside each

    test('20 MiB in 64 KiB chunks, three cuts, a killed gateway', async () => {
      const data = pdf(20 << 20), up = new Uploader(system, 'alice', 'general');
      const cut = () => up.client.socket.terminate();
      const complete = await up.run(data, 65536, harm([
        [3 << 20, cut], [8 << 20, cut], [12 << 20, async () => {
          const all = system.parts('gateway');
          const parts = onlyHere ? all : [all[up.gateway]];        // behind a proxy it may be either
          await Promise.all(parts.map((part) => system.kill(part)));
          await Promise.all(parts.map((part) => system.start(part)));
        }], [16 << 20, cut]]));
      assert.ok(up.reconnects >= 4, `${up.reconnects}`);
      await checkPosted(system, data, complete, 'general');
    });

    test('a killed broker, whichever it is', async () => {
      const data = pdf(6 << 20), up = new Uploader(system, 'bob', 'random');
      const complete = await up.run(data, 262144, harm([
        [1 << 20, () => system.kill('broker')], [3 << 20, async () => {
          await system.start('broker');
          await system.ready('broker');
          await system.kill('broker2');
          await system.start('broker2');
        }]]));
      await system.ready('broker2');
      await checkPosted(system, data, complete, 'random');
    });

    test('brokers that die when the last chunk is there finish it when they are back', async () => {
      const data = pdf(3 << 20), up = new Uploader(system, 'alice', 'general');
      const parts = ['broker', 'broker2'];
      up.run(data, 262144, harm([[data.length, async () => {
        await Promise.all(parts.map((part) => system.kill(part)));
        await Promise.all(parts.map((part) => system.start(part)));
      }]])).catch(() => {});
      const row = await until(async () => (await system.sql(
        `SELECT a.id, a.sha256 FROM chat_attachment a WHERE a.file_size = ${data.length} AND a.message_id IS NOT NULL`))[0],
      60_000, 'the attachment in its message');
      await checkPosted(system, data, { attachment: row }, 'general');
      await until(() => up.client.isOpen);
      await up.client.close();
    });

    test('what is given up is removed, from the storage too', async () => {
      const client = await Client.chat(system, 'general', { user: 'carol' });
      const { upload_id: id } = await begin(client, { file_size: 300_000 });
      await chunk(client, id, 0, pdf(100_000));
      const [{ storage_name: name }] = await system.sql(`SELECT storage_name FROM upload WHERE id = '${id}'`);
      assert.equal((await stored(name)).length, 1);
      await until(async () => (await system.sql(`SELECT id FROM upload WHERE id = '${id}'`)).length === 0, 90_000, 'expiry');
      assert.equal((await chunk(client, id, 1, pdf(100_000))).code, 'INVALID_MESSAGE');
      await client.close();
      await until(async () => (await stored(name)).length === 0, 90_000, 'removal');
      await until(async () => (await system.sql(`SELECT key FROM storage_garbage WHERE key LIKE 'part/${name}/%'`)).length === 0);
    });

    if (kind === 's3') {
      test('the server away in the middle', async () => {
        const data = pdf(4 << 20), up = new Uploader(system, 'carol', 'general');
        const complete = await up.run(data, 262144, harm([[1 << 20, async () => {
          await s3.kill();
          setTimeout(() => s3.restart().catch(() => {}), 3000);
        }]]));
        await checkPosted(system, data, complete, 'general');
      });
    }
  });
}

describe('limits', () => {
  test('a full disk is told, and forgotten when there is room again', { skip: onlyHere }, async (t) => {
    const disk = await mkdtemp(path.join(tmpdir(), 'kibray-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      await rm(disk, { recursive: true });
      t.skip('no right to mount a small disk here');
      return;
    }
    const system = await start({ env: { ...LIMITS, STORAGE_ROOT: disk } });
    try {
      const client = await Client.chat(system, 'general', { user: 'alice' });
      const other = await Client.chat(system, 'general', { user: 'bob' });
      const data = pdf(3 << 20), chunks = chunksOf(data, 262144);
      const { upload_id: id } = await begin(client, { file_size: data.length });
      const answers = [];
      for (const [i, bytes] of chunks.entries()) {
        answers.push(await chunk(client, id, i, bytes));
      }
      assert.equal(answers[0].type, 'upload_progress');
      assert.equal(answers.at(-1).code, 'SERVICE_UNAVAILABLE');
      assert.equal((await other.say('chat goes on')).message.content, 'chat goes on');
      client.send({ type: 'cancel_upload', upload_id: id });
      await client.next('upload_cancelled');
      await until(async () => (await system.sql("SELECT key FROM storage_garbage WHERE due_at < now() + interval '2 minutes'")).length === 0,
        60_000, 'room again');
      assert.equal((await upload(client, pdf(400_000), { size: 100_000 })).type, 'upload_complete');
      await Promise.all([client.close(), other.close()]);
    } finally {
      await system.stop();
      execFileSync('umount', [disk]);
      await rm(disk, { recursive: true });
    }
  });

  test('the bytes of a minute', async () => {
    const system = await start({ env: { ...LIMITS, UPLOAD_BYTES_PER_MINUTE: '250000' } });
    try {
      const client = await Client.chat(system, 'general', { user: 'alice' });
      const { upload_id: id } = await begin(client, { file_size: 500_000 });
      const data = chunksOf(pdf(500_000), 100_000);
      assert.equal((await chunk(client, id, 0, data[0])).received, 100_000);
      assert.equal((await chunk(client, id, 1, data[1])).received, 200_000);
      client.send({ type: 'upload_chunk', upload_id: id, chunk_index: 2, chunk_data: data[2].toString('base64'), client_id: 'c' });
      assert.deepEqual(await client.next('error'),
        { type: 'error', error: 'Rate limit exceeded. Please slow down.', code: 'RATE_LIMIT_EXCEEDED' });
      assert.equal((await chunk(client, id, 2, data[2].subarray(0, 50_000))).received, 250_000);
      await client.close();
    } finally {
      await system.stop();
    }
  });
});
