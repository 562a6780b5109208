// SPDX-License-Identifier: MIT
// Files on a chat socket: what a client sends and gets, every rule at its boundary.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { start } from './lib/system.mjs';
import { begin, chunk, chunksOf, pdf, sendChunk, sha256, upload } from './lib/upload.mjs';

let system;
before(async () => {
  system = await start({ gateways: 2, brokers: 2,
    env: { USER_RATE_LIMIT: '0', WEBSOCKET_RATE_LIMIT: '100000', UPLOAD_MAX_SIZE: '3000000' } });
});
after(() => system.stop());

const inRoom = async (body, room = 'general') => {
  const alice = await Client.chat(system, room, { user: 'alice' });
  const bob = await Client.chat(system, room, { user: 'bob', gateway: 1 });
  try {
    return await body(alice, bob);
  } finally {
    await Promise.all([alice.close(), bob.close()]);
  }
};

describe('a file', () => {
  test('is announced, sent, complete and posted', () => inRoom(async (alice, bob) => {
    const data = pdf(200_000);
    const started = await begin(alice, { file_size: data.length });
    assert.deepEqual(Object.keys(started), ['type', 'upload_id', 'chunk_size', 'received']);
    assert.equal(started.chunk_size, 262144);
    assert.deepEqual(started.received, []);
    const [first, second] = chunksOf(data, 150_000);
    assert.deepEqual(await chunk(alice, started.upload_id, 1, second), {
      type: 'upload_progress', upload_id: started.upload_id, chunk_index: 1, received: 50_000, total: 200_000, progress: 25,
    });
    assert.deepEqual(await chunk(alice, started.upload_id, 0, first), {
      type: 'upload_progress', upload_id: started.upload_id, chunk_index: 0, received: 200_000, total: 200_000, progress: 100,
    });
    const complete = await alice.next('upload_complete');
    const { attachment } = complete;
    assert.deepEqual(Object.keys(attachment), ['id', 'file_name', 'file_size', 'file_type', 'url', 'sha256']);
    assert.equal(attachment.sha256, sha256(data));
    assert.equal(attachment.url, `/media/attachments/${attachment.id}/document.pdf`);
    const shown = await bob.next('chat_message');
    assert.equal(shown.message.content, '');
    assert.equal(shown.message.author.username, 'alice');
    const { sha256: hash, ...inMessage } = attachment;
    assert.equal(hash, sha256(data));
    assert.deepEqual(shown.message.attachments, [inMessage]);
    assert.deepEqual(Object.keys(shown.message),
      ['id', 'content', 'author', 'timestamp', 'channel_id', 'reply_to', 'attachments']);
    assert.deepEqual((await alice.next('chat_message')).message, shown.message);
  }));
});
