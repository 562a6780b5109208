// SPDX-License-Identifier: MIT
// Every limit of the protocol at its boundary and one beyond, with the defaults, and, where those
// would take minutes, with smaller settings.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { Client, chatUrl, refusal } from './lib/client.mjs';
import { onlyHere, start, until } from './lib/system.mjs';

const MESSAGE_MAX_BYTES = 1_048_576;
const RATE_LIMIT_ERROR = {
  type: 'error', error: 'Rate limit exceeded. Please slow down.', code: 'RATE_LIMIT_EXCEEDED',
};

const connect = (system, user, options = {}) => Client.chat(system, 'general', { user, ...options });
const closeAll = (clients) => Promise.all(clients.map((client) => client.close()));

describe('with the defaults', () => {
  let system;
  before(async () => {
    system = await start({ gateways: 2 });
  });
  after(() => system.stop());

  test('exactly 60 messages are accepted, the 61st is refused word for word', async () => {
    const alice = await connect(system, 'alice');
    for (let i = 0; i < 61; i++) {
      alice.sendChat(`message ${i}`, { client_id: `rate-${i}` });
    }
    const error = await alice.next('error');
    assert.deepEqual(error, RATE_LIMIT_ERROR);
    await alice.count('chat_message', 60);
    await alice.ping();
    assert.equal(alice.frames.filter((frame) => frame.type === 'chat_message').length, 60);
    await alice.close();
  });

  const batchOf = (name, size) => ({
    type: 'batch_update',
    updates: Array.from({ length: size }, (_, i) => ({ type: 'chat_message', message: `${name} ${i}` })),
  });
  const isOwn = (name) => (frame) => frame.message?.content.startsWith(`${name} `);

  test('of two batches of 50 at once exactly 60 frames are accepted, 40 refused', async () => {
    await system.addUser('dave');
    const dave = await connect(system, 'dave');
    dave.send(batchOf('pair', 50));
    dave.send(batchOf('pair', 50));
    await dave.count(isOwn('pair'), 60);
    await dave.count('error', 40);
    await dave.ping();
    assert.equal(dave.frames.filter(isOwn('pair')).length, 60);
    assert.deepEqual(dave.frames.filter((frame) => frame.type === 'error'), Array(40).fill(RATE_LIMIT_ERROR));
    await dave.close();
  });

  test('a batch of 50 on each of four sockets of a user is accepted whole', async () => {
    await system.addUser('erin');
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(system, 'erin')));
    for (const client of clients) {
      client.send(batchOf('quad', 50));
    }
    for (const client of clients) {
      await client.count(isOwn('quad'), 200);
      await client.ping();
      assert.deepEqual(client.frames.filter((frame) => frame.type === 'error'), []);
    }
    await closeAll(clients);
  });

  test('malformed frames count, pings do not', async () => {
    const bob = await connect(system, 'bob');
    for (let i = 0; i < 30; i++) {
      bob.send('not json');
      bob.send({ type: 'ping' });
      bob.send({ action: 'heartbeat' });
      bob.sendChat(`message ${i}`);
    }
    bob.sendChat('one more');
    await bob.next((frame) => frame.code === 'RATE_LIMIT_EXCEEDED');
    await bob.count('chat_message', 30);
    assert.equal(bob.frames.filter((frame) => frame.code === 'INVALID_MESSAGE').length, 30);
    assert.equal(bob.frames.filter((frame) => frame.type === 'pong').length, 30);
    assert.equal(bob.frames.filter((frame) => frame.type === 'heartbeat_ack').length, 30);
    await bob.close();
  });

  test('599 refusals are borne, the 600th closes with 4429', async () => {
    const carol = await connect(system, 'carol');
    const isRefusal = (frame) => frame.code === 'RATE_LIMIT_EXCEEDED';
    for (let i = 0; i < 60 + 599; i++) {
      carol.send('[]');
    }
    await carol.count(isRefusal, 599);
    await carol.ping();
    assert.ok(carol.isOpen);
    carol.send('[]');
    assert.equal((await carol.closed).code, 4429);
    assert.equal(carol.frames.filter(isRefusal).length, 600);
  });

  /** A chat message of exactly so many bytes. */
  const messageOf = (bytes, clientId) => {
    const frame = { type: 'chat_message', message: 'large', client_id: clientId, pad: '' };
    return JSON.stringify({ ...frame, pad: 'x'.repeat(bytes - JSON.stringify(frame).length) });
  };

  for (const perMessageDeflate of [false, true]) {
    const how = perMessageDeflate ? 'compressed' : 'plain';
    test(`a ${how} message of 1 MiB passes, one byte more is too large, 16 MiB too`, async () => {
      const client = await connect(system, 'admin', { perMessageDeflate });
      client.send(messageOf(MESSAGE_MAX_BYTES, `fits-${how}`));
      await client.next((frame) => frame.client_id === `fits-${how}` && frame.type === 'chat_message');
      for (const size of [MESSAGE_MAX_BYTES + 1, 16 * MESSAGE_MAX_BYTES]) {
        client.send(messageOf(size, 'too-large'));
        assert.equal((await client.next('error')).code, 'MESSAGE_TOO_LARGE');
      }
      await client.say('still open');
      await client.close();
    });

    test(`a ${how} message of more than 16 MiB closes with 1009`, async () => {
      const client = await connect(system, 'admin', { perMessageDeflate });
      client.send(messageOf(16 * MESSAGE_MAX_BYTES + 1, 'bomb'));
      assert.equal((await client.closed).code, 1009);
    });
  }

  test('50 sockets of a user over all gateways; one more is closed with 4429; a free place counts again', async () => {
    const clients = await Promise.all(Array.from({ length: 50 },
      (_, i) => connect(system, 'alice', { gateway: i % 2 })));
    for (const gateway of [0, 1]) {
      const client = new Client(chatUrl(system, 'general', { token: await system.token('alice'), gateway }));
      assert.equal((await client.closed).code, 4429);
      assert.deepEqual(client.frames.map((frame) => frame.code), ['RATE_LIMIT_EXCEEDED']);
    }
    const other = await connect(system, 'bob');
    await clients.pop().close();
    const again = await until(() => connect(system, 'alice').catch(() => null), 10_000, 'a free place');
    await closeAll([...clients, other, again]);
  });

  test('200 sockets from an address; one more is 429 before the upgrade', { skip: onlyHere }, async () => {
    const names = Array.from({ length: 5 }, (_, i) => `crowd${i}`);
    for (const name of names) {
      await system.addUser(name);
    }
    const clients = [];
    for (let i = 0; i < 200; i++) {
      clients.push(await connect(system, names[i % names.length]));
    }
    const answer = await refusal(chatUrl(system, 'general', { token: await system.token('bob') }));
    assert.equal(answer.status, 429);
    await clients.pop().close();
    clients.push(await until(() => connect(system, 'bob').catch(() => null), 10_000, 'a free place'));
    await closeAll(clients);
  });
});

describe('with smaller settings', () => {
  let system;
  before(async () => {
    system = await start({
      gateways: 2,
      env: {
        WEBSOCKET_RATE_LIMIT: '10', WEBSOCKET_CONNECTION_TIMEOUT: '3', MESSAGE_MAX_CHARS: '20',
        WEBSOCKET_MESSAGE_MAX_SIZE: '2000', CONNECTIONS_PER_USER: '8', CONNECTIONS_PER_ADDRESS: '20',
      },
    });
  });
  after(() => system.stop());

  test('five times the limit for a user, on all sockets and gateways together', async () => {
    const clients = await Promise.all(Array.from({ length: 8 },
      (_, i) => connect(system, 'alice', { gateway: i % 2 })));
    const watcher = await connect(system, 'bob');
    for (let i = 0; i < 10; i++) {
      for (const [number, client] of clients.entries()) {
        client.sendChat(`m${number}.${i}`);
      }
    }
    const settled = (client) => client.frames.filter((frame) => frame.type === 'error'
      || frame.message?.content.startsWith(`m${clients.indexOf(client)}.`)).length === 10;
    await until(() => clients.every(settled), 15_000, 'an answer to everything');
    const refusals = clients.flatMap((client) => client.frames.filter((frame) => frame.type === 'error'));
    assert.equal(refusals.length, 30);
    refusals.forEach((frame) => assert.deepEqual(frame, RATE_LIMIT_ERROR));
    await watcher.count('chat_message', 50);
    await watcher.barrier();
    assert.equal(watcher.frames.filter((frame) => frame.type === 'chat_message').length, 51);
    await closeAll([...clients, watcher]);
  });

  test('silence closes with 4408; frames keep a socket open, pings of the protocol do not', async (t) => {
    const timers = [];
    t.after(() => timers.forEach(clearInterval));
    await system.token('bob');
    const chatty = await connect(system, 'carol');
    timers.push(setInterval(() => chatty.send({ type: 'ping' }), 500));
    const silent = await connect(system, 'bob');
    const from = Date.now();
    timers.push(setInterval(() => silent.isOpen && silent.socket.ping(), 500));
    assert.equal((await silent.closed).code, 4408);
    assert.ok(Date.now() - from >= 2500, 'not before its time');
    timers.forEach(clearInterval);
    assert.ok(chatty.isOpen);
    assert.equal((await chatty.closed).code, 4408);
  });

  test('MESSAGE_MAX_CHARS and WEBSOCKET_MESSAGE_MAX_SIZE are obeyed', async () => {
    const client = await connect(system, 'admin');
    await client.say('x'.repeat(20));
    client.sendChat('x'.repeat(21));
    assert.equal((await client.next('error')).code, 'MESSAGE_TOO_LARGE');
    client.send(`{"type":"ping"${' '.repeat(2000)}}`);
    assert.equal((await client.next('error')).code, 'MESSAGE_TOO_LARGE');
    await client.close();
  });
});

describe('behind a proxy', { skip: onlyHere }, () => {
  const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
  const statusOf = (url, options) => new Promise((resolve) => {
    const socket = new WebSocket(url, options);
    socket.once('open', () => resolve({ status: 101, socket }));
    socket.once('unexpected-response', (_, response) => resolve({ status: response.statusCode }));
    socket.on('error', () => {});
  });

  for (const [trusted, what] of [['127.0.0.0/8', 'each client counts for itself when the proxy is trusted'],
    ['192.0.2.0/24', 'what anybody else says counts for nothing']]) {
    test(what, async () => {
      const system = await start({ env: { TRUSTED_PROXIES: trusted, CONNECTIONS_PER_ADDRESS: '2' } });
      const url = chatUrl(system, 'general', { token: await system.token('alice') });
      const answers = [];
      for (const address of ['198.51.100.1', '198.51.100.1', '6.6.6.6, 198.51.100.1', '198.51.100.2']) {
        answers.push(await statusOf(url, from(address)));
      }
      answers.forEach(({ socket }) => socket?.terminate());
      await system.stop();
      assert.deepEqual(answers.map(({ status }) => status),
        trusted === '127.0.0.0/8' ? [101, 101, 429, 101] : [101, 101, 429, 429]);
    });
  }
});

describe('a slow reader', () => {
  let system;
  before(async () => {
    system = await start({ env: { WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0', CHANNEL_EXPIRY: '2' } });
  });
  after(() => system.stop());

  test('is closed with 4413, and holds nobody up', async () => {
    const [sender, slow, healthy] = await Promise.all(['alice', 'bob', 'carol']
      .map((user) => connect(system, user, { perMessageDeflate: false })));
    slow.socket.pause();
    const text = 'x'.repeat(9000);
    const total = 3000;         // 27 MB: more than the kernel and the gateway keep for one socket
    for (let i = 0; i < total; i += 100) {
      for (let j = 0; j < 100; j++) {
        sender.sendChat(text);
      }
      await healthy.count('chat_message', i + 100, 30_000);
    }
    slow.socket.resume();
    assert.equal((await slow.closed).code, 4413);
    assert.ok(slow.frames.filter((frame) => frame.type === 'chat_message').length < total);
    await closeAll([sender, healthy]);
  });
});
