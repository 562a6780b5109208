// SPDX-License-Identifier: MIT
// Files on a chat socket: what a client sends and gets, every rule at its boundary.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { start, until } from './lib/system.mjs';
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

describe('the rules of announcing', () => {
  const refused = async (fields, code, { room = 'general', user = 'alice' } = {}) => {
    const client = await Client.chat(system, room, { user });
    const before = await system.sql('SELECT count(*)::int AS n FROM upload');
    const answer = await begin(client, { file_size: 1000, ...fields });
    assert.equal(answer.code, code, JSON.stringify([fields, answer]));
    assert.deepEqual(await system.sql('SELECT count(*)::int AS n FROM upload'), before);
    await client.ping();
    assert.ok(client.isOpen);
    await client.close();
  };

  test('its size', async () => {
    await refused({ file_size: 3_000_001 }, 'MESSAGE_TOO_LARGE');
    for (const size of [0, -1, 1.5, '1000', null, 2 ** 53]) {
      await refused({ file_size: size }, 'INVALID_MESSAGE');
    }
    const client = await Client.chat(system, 'general', { user: 'alice' });
    const largest = await begin(client, { file_size: 3_000_000 });
    assert.equal(largest.type, 'upload_started');
    client.send({ type: 'cancel_upload', upload_id: largest.upload_id });
    assert.deepEqual(await client.next('upload_cancelled'), { type: 'upload_cancelled', upload_id: largest.upload_id });
    await client.close();
  });

  test('its type', async () => {
    for (const type of ['application/x-msdownload', 'text/html', 'image/svg+xml', 'application/x-sh', 'x', '', 'a/b/c', 7]) {
      await refused({ file_type: type }, 'INVALID_MESSAGE');
    }
  });

  test('its name', async () => {
    for (const name of ['virus.exe', 'VIRUS.EXE', 'photo.jpg.exe', 'a.exe.', 'a.exe ', 'a.bat', 'a.sh', 'a.ps1',
      'a.\u200bexe', '', '.', '..', '/', 'a/..', '..\\', ' ', 'x'.repeat(256), 'a\u0000b', 7,
      'a.ejavascript:xe', 'a.exe\u202e', 'a.exe/']) {
      await refused({ file_name: name }, 'INVALID_MESSAGE');
    }
  });

  test('tricks in names end as names', async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    for (const [given, stored] of [
      ['../../../etc/passwd', 'passwd'], ['C:\\Users\\x\\report.pdf', 'report.pdf'], ['/etc/cron.d/x.txt', 'x.txt'],
      ['..%2f..%2fx.txt', '..%2f..%2fx.txt'], ['ajavascript:onload =b.txt', 'ab.txt'],
      ['Übersicht “2024” 日本.pdf', 'Übersicht “2024” 日本.pdf'], ['<b>.txt', '<\u200bb>.txt'],
      ['a"b;c.txt', 'a"b;c.txt'], ['x'.repeat(255), 'x'.repeat(255)],
    ]) {
      const data = Buffer.from(`a text of ${given}`);
      const complete = await upload(client, data, { file_name: given, file_type: 'text/plain', post: false });
      assert.equal(complete.type, 'upload_complete', JSON.stringify([given, complete]));
      assert.equal(complete.attachment.file_name, stored);
      assert.equal(decodeURIComponent(complete.attachment.url.split('/').at(-1)), stored);
    }
    const keys = await system.sql("SELECT storage_name FROM chat_attachment");
    assert.ok(keys.every(({ storage_name: name }) => /^[0-9a-z]{26}$/.test(name)));
    await client.close();
  });

  test('its channel', async () => {
    const leads = system.channel('leads').id, random = system.channel('random').id;
    await refused({ channel_id: 999_999 }, 'CHANNEL_NOT_FOUND');
    await refused({ channel_id: leads }, 'PERMISSION_DENIED', { user: 'carol' });
    await refused({ channel_id: random }, 'INVALID_MESSAGE');
    await refused({ channel_id: undefined }, 'INVALID_MESSAGE');
    await refused({ channel_id: `${random}` }, 'INVALID_MESSAGE');
    await refused({ post: 'no' }, 'INVALID_MESSAGE');
    await refused({ upload_id: 'unknown' }, 'INVALID_MESSAGE');
  });

  test('five at a time', async () => {
    const client = await Client.chat(system, 'general', { user: 'carol' });
    const open = [];
    for (let i = 0; i < 5; i++) {
      open.push((await begin(client, { file_size: 10 })).upload_id);
    }
    assert.equal(new Set(open).size, 5);
    assert.equal((await begin(client, { file_size: 10 })).code, 'INVALID_MESSAGE');
    client.send({ type: 'cancel_upload', upload_id: open[0] });
    await client.next('upload_cancelled');
    const sixth = await begin(client, { file_size: 10 });
    assert.equal(sixth.type, 'upload_started');
    for (const id of [...open.slice(1), sixth.upload_id]) {
      client.send({ type: 'cancel_upload', upload_id: id });
      await client.next('upload_cancelled');
    }
    client.send({ type: 'cancel_upload', upload_id: open[0] });
    assert.equal((await client.next('error')).code, 'INVALID_MESSAGE');
    await client.close();
  });
});

describe('the rules of chunks', () => {
  test('a repeat with the same bytes is acknowledged, with others refused', () => inRoom(async (alice) => {
    const data = pdf(3000), [a, b, c] = chunksOf(data, 1000);
    const { upload_id: id } = await begin(alice, { file_size: 3000 });
    for (let i = 0; i < 2; i++) {
      assert.equal((await chunk(alice, id, 0, a)).received, 1000);
    }
    assert.equal((await chunk(alice, id, 0, b)).code, 'INVALID_MESSAGE');
    assert.equal((await chunk(alice, id, 1, Buffer.concat([b, c, Buffer.from('x')]))).code, 'INVALID_MESSAGE');
    assert.equal((await chunk(alice, id, 4095, b)).received, 2000);
    assert.equal((await chunk(alice, id, 1, c)).received, 3000);
    assert.equal((await chunk(alice, id, 2, c)).code, 'INVALID_MESSAGE');
    alice.send({ type: 'cancel_upload', upload_id: id });
    await alice.next('upload_cancelled');
    assert.equal((await chunk(alice, id, 0, a)).code, 'INVALID_MESSAGE');
  }));

  test('after completion the same bytes are acknowledged still, others refused', () => inRoom(async (alice) => {
    const data = pdf(2000), [a, b] = chunksOf(data, 1000);
    const { upload_id: id } = await begin(alice, { file_size: 2000, post: false });
    await chunk(alice, id, 0, a);
    await chunk(alice, id, 1, b);
    const complete = await alice.next('upload_complete');
    assert.equal((await chunk(alice, id, 1, b)).progress, 100);
    assert.equal((await chunk(alice, id, 1, a)).code, 'INVALID_MESSAGE');
    assert.equal((await chunk(alice, id, 2, a)).code, 'INVALID_MESSAGE');
    alice.send({ type: 'cancel_upload', upload_id: id });
    assert.equal((await alice.next('error')).code, 'INVALID_MESSAGE');
    const again = await begin(alice, { file_size: 2000, upload_id: id });
    assert.deepEqual(again.received, [0, 1]);
    assert.deepEqual(await alice.next('upload_complete'), complete);
  }));

  test('wrong base64 in every way', () => inRoom(async (alice) => {
    const { upload_id: id } = await begin(alice, { file_size: 3000 });
    for (const text of ['', 'a', 'ab', 'abc', '=', '====', 'ab=c', 'abc=d', 'ab==cd==', 'ab\n=', 'ab c', 'YWI', 'YWJ=',
      'YW==YW==', 'Y-_=', 'YWJj\u0000', 'YWJjü', 'data:;base64,YWJj']) {
      alice.send({ type: 'upload_chunk', upload_id: id, chunk_index: 0, chunk_data: text });
      assert.equal((await alice.next('error')).code, 'INVALID_MESSAGE', JSON.stringify(text));
    }
    for (const index of [-1, 4096, 1.5, '0', null, 2 ** 32]) {
      alice.send({ type: 'upload_chunk', upload_id: id, chunk_index: index, chunk_data: 'YWJj' });
      assert.equal((await alice.next('error')).code, 'INVALID_MESSAGE', `${index}`);
    }
    sendChunk(alice, id, 0, Buffer.alloc(3001), { client_id: 'mine' });
    const { error, ...rest } = await alice.next('error');
    assert.ok(error);
    assert.deepEqual(rest, { type: 'error', code: 'INVALID_MESSAGE', client_id: 'mine' });
    assert.deepEqual((await begin(alice, { file_size: 3000, upload_id: id })).received, []);
    alice.send({ type: 'cancel_upload', upload_id: id });
    await alice.next('upload_cancelled');
  }));

  test('of somebody else', () => inRoom(async (alice, bob) => {
    const { upload_id: id } = await begin(alice, { file_size: 3000 });
    assert.equal((await chunk(bob, id, 0, Buffer.alloc(10))).code, 'PERMISSION_DENIED');
    bob.send({ type: 'cancel_upload', upload_id: id });
    assert.equal((await bob.next('error')).code, 'PERMISSION_DENIED');
    assert.equal((await begin(bob, { file_size: 3000, upload_id: id })).code, 'PERMISSION_DENIED');
    alice.send({ type: 'cancel_upload', upload_id: id });
    await alice.next('upload_cancelled');
  }));

  test('in a batch is no frame of it', () => inRoom(async (alice) => {
    alice.send({ type: 'batch_update', updates: [{ type: 'upload_chunk', upload_id: 'x', chunk_index: 0, chunk_data: 'YWJj' }] });
    assert.equal((await alice.next('error')).code, 'INVALID_MESSAGE');
  }));

  test('all at once, without waiting for an answer', () => inRoom(async (alice) => {
    const data = pdf(2_000_000), chunks = chunksOf(data, 40_000);
    const { upload_id: id } = await begin(alice, { file_size: data.length, post: false });
    chunks.forEach((bytes, i) => sendChunk(alice, id, i, bytes));
    const complete = await alice.next('upload_complete');
    assert.equal(complete.attachment.sha256, sha256(data));
    assert.equal(alice.frames.filter((f) => f.type === 'upload_progress' && f.upload_id === id).length, chunks.length);
    assert.equal(alice.frames.filter((f) => f.type === 'error').length, 0);
  }));
});

describe('the content', () => {
  test('must be what the type says', () => inRoom(async (alice, bob) => {
    const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
    for (const [type, data] of [
      ['image/png', Buffer.from('<html><script>alert(1)</script></html>')], ['application/pdf', png],
      ['text/plain', png], ['image/jpeg', png], ['application/zip', pdf(100)],
      ['text/plain', Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(200)])],
      ['application/octet-stream', Buffer.from('#!/bin/sh\nrm -rf /\n')],
      ['application/octet-stream', Buffer.from('<html><body onload=alert(1)>')],
    ]) {
      const answer = await upload(alice, data, { file_name: 'a.bin', file_type: type });
      assert.deepEqual([answer.type, answer.code], ['error', 'INVALID_MESSAGE'], `${type} ${JSON.stringify(answer)}`);
      assert.equal(answer.upload_id, alice.frames.findLast((f) => f.type === 'upload_started').upload_id);
    }
    assert.deepEqual(await system.sql("SELECT id FROM upload WHERE file_name = 'a.bin'"), []);
    await alice.barrier();
    await bob.next('chat_message');
    assert.equal(bob.frames.filter((f) => f.type === 'chat_message').length, 1);
  }));

  test('of text and of anything', () => inRoom(async (alice) => {
    for (const [type, data] of [
      ['text/plain', Buffer.from('plain')], ['text/csv', Buffer.from('a,b\n1,2\n')], ['application/json', Buffer.from('{"a":1}')],
      ['text/markdown', Buffer.from('# Title\n\n* item\n')], ['application/octet-stream', Buffer.from([1, 2, 3, 250, 251, 0, 9])],
      ['Text/Plain; charset=utf-8', Buffer.from('x')],
    ]) {
      const answer = await upload(alice, data, { file_name: 'a.dat', file_type: type, post: false });
      assert.equal(answer.type, 'upload_complete', `${type} ${JSON.stringify(answer)}`);
      assert.equal(answer.attachment.sha256, sha256(data));
    }
  }));
});

describe('attachments of messages', () => {
  const file = (client, name) => upload(client, Buffer.from(`text of ${name}`),
    { file_name: name, file_type: 'text/plain', post: false }).then((f) => f.attachment);

  test('one\'s own, complete, of this channel, unused', () => inRoom(async (alice, bob) => {
    const a = await file(alice, 'a.txt'), b = await file(alice, 'b.txt'), his = await file(bob, 'his.txt');
    const random = await Client.chat(system, 'random', { user: 'alice' });
    const elsewhere = await file(random, 'elsewhere.txt');
    const bad = async (ids, message = 'x') => {
      alice.send({ type: 'chat_message', message, attachments: ids, client_id: 'c' });
      assert.equal((await alice.next('error')).code, 'INVALID_MESSAGE', JSON.stringify(ids));
    };
    for (const ids of [[his.id], [elsewhere.id], [999_999], [a.id, a.id], [a.id, his.id], ['1'], [0], 'a', [a.id, 1.5]]) {
      await bad(ids);
    }
    alice.send({ type: 'chat_message', message: '', attachments: [b.id, a.id] });
    const shown = await bob.next('chat_message');
    assert.equal(shown.message.content, '');
    assert.deepEqual(shown.message.attachments.map((x) => x.file_name), ['b.txt', 'a.txt']);
    await bad([a.id]);
    const c = await file(alice, 'c.txt');
    alice.send({ type: 'chat_message', message: 'with words', attachments: [c.id] });
    alice.send({ type: 'chat_message', message: 'twice', attachments: [c.id] });
    assert.equal((await bob.next('chat_message')).message.content, 'with words');
    assert.equal((await alice.next('error')).code, 'INVALID_MESSAGE');
    await bad([], '');
    await random.close();
  }));

  test('are in the history, and gone with their message', () => inRoom(async (alice, bob) => {
    const a = await file(alice, 'gone.txt');
    alice.send({ type: 'chat_message', message: 'look', attachments: [a.id] });
    const { message, seq } = await bob.next('chat_message');
    const headers = { Authorization: `Bearer ${await system.token('bob')}` };
    const page = async () => (await system.http(`/api/channels/${message.channel_id}/messages/?limit=1`, { headers })).body;
    assert.deepEqual((await page()).results[0].attachments, message.attachments);
    const listed = async () => (await system.http('/api/channels/', { headers })).body.find((c) => c.id === message.channel_id);
    assert.deepEqual((await listed()).last_message.attachments, message.attachments);
    const back = await Client.chat(system, 'general', { user: 'bob', since: seq - 1 });
    assert.deepEqual((await back.next('chat_message')).message, message);
    await back.close();
    alice.send({ type: 'delete_message', message_id: message.id });
    await bob.next('delete_message');
    assert.deepEqual((await page()).results[0].attachments, []);
    const later = await Client.chat(system, 'general', { user: 'bob', since: seq - 1 });
    const emptied = (await later.next('chat_message')).message;
    assert.deepEqual([emptied.content, emptied.attachments], ['', []]);
    await later.close();
    assert.deepEqual(await system.sql(`SELECT id FROM chat_attachment WHERE id = ${a.id}`), []);
    await until(async () => (await system.sql('SELECT key FROM storage_garbage WHERE due_at < now() + interval \'3 minutes\'')).length === 0);
  }));
});
