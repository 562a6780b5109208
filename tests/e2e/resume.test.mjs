// SPDX-License-Identifier: MIT
// Coming back with ?since=: every content frame that was missed, in order, then the live ones; none
// missing, none twice. From the channel's log in Redis, and from PostgreSQL where that is short.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { Client } from './lib/client.mjs';
import { onlyHere, start, until } from './lib/system.mjs';

const RESUME_LIMIT = 300;
const ENV = { WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0', CONNECTIONS_PER_USER: '0', CONNECTIONS_PER_ADDRESS: '0' };

let system;
before(async () => {
  system = await start({ gateways: 2, brokers: 2, env: { ...ENV, RESUME_LIMIT: `${RESUME_LIMIT}`, CHANNEL_EXPIRY: '30' } });
});
after(() => system.stop());

const connect = (user, room, options = {}) => Client.chat(system, room, { user, ...options });
const content = (frame) => frame.seq !== undefined && frame.type !== 'connection_established';
const contents = (client) => client.frames.filter(content);
let rooms = 0;

/** A room of its own, so that its log and its seqs are, too. */
async function freshRoom() {
  const name = `resume-${++rooms}`;
  await system.addChannel(name);
  const [{ id }] = await system.sql(`SELECT id FROM chat_channel WHERE name = '${name}'`);
  return { name, id };
}

async function dropLog(channelId) {
  const keys = (await system.redis('--raw', 'KEYS', `kb:log:*chat:${channelId}`)).split('\n').filter(Boolean);
  assert.ok(keys.length <= 1);
  for (const key of keys) {
    await system.redis('DEL', key);
  }
  return keys.length;
}

/** Everything that has a seq, by one who stays; resolves to the frames. */
async function someLife(writer, other, count = 20) {
  const before = contents(other).length;
  let wanted = before;
  for (let i = 0; i < count; i++) {
    const { message } = await writer.say(`message ${i}`);
    wanted++;
    if (i % 5 === 1) {
      writer.send({ type: 'edit_message', message_id: message.id, new_content: `edited ${i}` });
      wanted++;
    }
    if (i % 5 === 3) {
      writer.send({ type: 'batch_update', updates: [{ i }] });
      wanted++;
    }
  }
  await other.count(content, wanted);
  return contents(other).slice(before);
}

async function lifeAndReturn({ withoutLog }) {
  const room = await freshRoom();
  const [alice, bob] = [await connect('alice', room.name), await connect('bob', room.name, { gateway: 1 })];
  await someLife(alice, bob, 5);
  const gone = await connect('carol', room.name);
  const since = gone.hello.seq;
  await gone.close();
  const missed = await someLife(alice, bob, 30);
  if (withoutLog) {
    assert.equal(await dropLog(room.id), 1);
  }
  const back = await connect('carol', room.name, { since, gateway: 1 });
  assert.equal(back.hello.resumed, true);
  assert.equal(back.hello.seq, missed.at(-1).seq);
  assert.deepEqual(await back.count(content, missed.length), missed);
  const live = await someLife(alice, bob, 10);
  assert.deepEqual((await back.count(content, missed.length + live.length)).slice(missed.length), live);
  assert.equal(back.frames[0].type, 'connection_established');
  await Promise.all([alice, bob, back].map((client) => client.close()));
}

describe('one who was away', () => {
  test('gets every content frame after since, as the others saw it, then the live ones', () => lifeAndReturn({}));

  test('gets the same out of PostgreSQL when the log has gone', () => lifeAndReturn({ withoutLog: true }));

  test('gets nothing when nothing happened, and is resumed', async () => {
    const room = await freshRoom();
    const alice = await connect('alice', room.name);
    const { seq } = await alice.say('the last');
    const back = await connect('bob', room.name, { since: seq });
    assert.deepEqual([back.hello.resumed, back.hello.seq], [true, seq]);
    await alice.say('live');
    assert.deepEqual((await back.count(content, 1)).map((f) => f.message.content), ['live']);
    await Promise.all([alice, back].map((client) => client.close()));
  });

  test('since=0 is "nothing yet"', async () => {
    const room = await freshRoom();
    const alice = await connect('alice', room.name);
    for (let i = 0; i < 10; i++) {
      await alice.say(`m${i}`);
    }
    const back = await connect('bob', room.name, { since: 0 });
    assert.equal(back.hello.resumed, true);
    assert.deepEqual((await back.count(content, 10)).map((f) => f.seq), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await Promise.all([alice, back].map((client) => client.close()));
  });

  test('of more than the limit, or of a future, it is not resumed', async () => {
    const room = await freshRoom();
    const alice = await connect('alice', room.name);
    for (let i = 0; i <= RESUME_LIMIT; i++) {
      alice.sendChat(`m${i}`);
    }
    await alice.count('chat_message', RESUME_LIMIT + 1);
    const last = RESUME_LIMIT + 1;
    for (const [since, resumed] of [[0, false], [1, true], [last + 1, false], [9007199254740991, false]]) {
      const back = await connect('bob', room.name, { since });
      assert.equal(back.hello.resumed, resumed, `since=${since}`);
      await back.ping();
      assert.equal((await back.count(content, resumed ? RESUME_LIMIT : 0)).length, resumed ? RESUME_LIMIT : 0);
      await back.close();
    }
    await alice.close();
  });

  test('without since, or with one that is no number, nothing comes and resumed is false', async () => {
    const room = await freshRoom();
    const alice = await connect('alice', room.name);
    await alice.say('before');
    for (const since of [undefined, '', 'x', '-1', '1.5', '1e3']) {
      const back = await connect('bob', room.name, { since });
      assert.equal(back.hello.resumed, false, since);
      await back.say('x');
      assert.equal(contents(back).length, 1);
      await back.close();
    }
    await alice.close();
  });

  test('a deleted text does not come back, wherever it is read from', async () => {
    for (const withoutLog of [false, true]) {
      const room = await freshRoom();
      const alice = await connect('alice', room.name);
      await alice.say('kept');
      const { message } = await alice.say('a secret');
      alice.send({ type: 'edit_message', message_id: message.id, new_content: 'still a secret' });
      alice.send({ type: 'delete_message', message_id: message.id });
      await alice.next('delete_message');
      await alice.say('after');
      if (withoutLog) {
        await dropLog(room.id);
      }
      const back = await connect('bob', room.name, { since: 0 });
      const seen = await back.count(content, 5);
      assert.deepEqual(seen.map((f) => [f.seq, f.type, f.message?.content ?? f.new_content]), [
        [1, 'chat_message', 'kept'], [2, 'chat_message', ''], [3, 'edit_message', ''],
        [4, 'delete_message', undefined], [5, 'chat_message', 'after']]);
      await Promise.all([alice, back].map((client) => client.close()));
    }
  });

  test('long texts come in pages, compressed or not, while others write', async () => {
    const room = await freshRoom();
    const alice = await connect('alice', room.name);
    for (let i = 0; i < 60; i++) {
      await alice.say(`${i} ${'long '.repeat(1500)}`);
    }
    const writing = (async () => {
      for (let i = 0; i < 100; i++) {
        await alice.say(`live ${i}`);
      }
    })();
    const backs = await Promise.all([true, false].map((perMessageDeflate) =>
      connect('bob', room.name, { since: 0, perMessageDeflate })));
    await writing;
    for (const back of backs) {
      const seen = await back.count(content, 160);
      assert.deepEqual(seen.map((f) => f.seq), Array.from({ length: 160 }, (_, i) => i + 1));
      assert.equal(back.hello.resumed, true);
    }
    await Promise.all([alice, ...backs].map((client) => client.close()));
  });

  // Written out by the server, such a number has 19 digits: the frames are longer than a page.
  test('gets batches as long as they may be, from wherever, once each', { timeout: 60_000 }, async () => {
    const room = await freshRoom();
    const [alice, carol] = [await connect('alice', room.name), await connect('carol', room.name, { gateway: 1 })];
    const batchOf = (count) => ({ type: 'batch_update', updates: [{ values: Array(count).fill(0.1) }] });
    const batches = [207_000, 207_000, 262_000].map(batchOf);
    await alice.say('first');
    for (const [i, batch] of batches.entries()) {
      alice.send(batch);
      await carol.count(content, i + 2);
    }
    alice.sendChat('last');
    const live = await carol.count(content, 5);
    assert.deepEqual(live.slice(1, 4).map((f) => f.updates), batches.map((b) => b.updates));
    for (const withoutLog of [false, true]) {
      if (withoutLog) {
        await dropLog(room.id);
      }
      for (const perMessageDeflate of [false, true]) {
        const back = await connect('bob', room.name, { since: 0, perMessageDeflate });
        assert.equal(back.hello.resumed, true);
        assert.deepEqual(await back.count(content, 5, 30_000), live);
        await back.close();
      }
    }
    await Promise.all([alice, carol].map((client) => client.close()));
  });

  test('frames that it sends meanwhile are answered', async () => {
    const room = await freshRoom();
    const alice = await connect('alice', room.name);
    for (let i = 0; i < 50; i++) {
      await alice.say(`m${i}`);
    }
    const back = new Client(`${system.info.ws_url}/ws/chat/${room.name}/?since=0&token=${await system.token('bob')}`);
    await back.opened;
    back.send({ type: 'ping' });
    back.sendChat('mine', { client_id: 'mine' });
    const own = await back.next((f) => f.client_id === 'mine');
    assert.deepEqual(contents(back).map((f) => f.seq), Array.from({ length: 51 }, (_, i) => i + 1));
    assert.equal(own.seq, 51);
    assert.equal(back.frames.filter((f) => f.type === 'pong').length, 1);
    await Promise.all([alice, back].map((client) => client.close()));
  });
});

test('a reader that takes its time with what it missed holds up nobody, and misses nothing', async () => {
  const room = await freshRoom();
  const alice = await connect('alice', room.name);
  for (let i = 0; i < 250; i++) {
    await alice.say(`${i} ${'long '.repeat(1900)}`);
  }
  const slow = new WebSocket(`${system.info.ws_url}/ws/chat/${room.name}/?since=0&token=${await system.token('bob')}`,
    { perMessageDeflate: false });
  const seqs = [];
  const all = new Promise((resolve) => {
    slow.on('message', (data) => {
      const frame = JSON.parse(data);
      if (content(frame) && seqs.push(frame.seq) === 270) {
        resolve();
      }
    });
  });
  await new Promise((resolve, reject) => { slow.once('open', resolve); slow.once('error', reject); });
  slow._socket.pause();
  for (let i = 0; i < 20; i++) {
    await alice.say(`live ${i}`);
  }
  const other = await connect('carol', room.name, { since: 0 });
  assert.equal((await other.count(content, 270)).length, 270);
  assert.ok(seqs.length < 270, 'the slow one is still behind');
  slow._socket.resume();
  await all;
  assert.deepEqual(seqs, Array.from({ length: 270 }, (_, i) => i + 1));
  slow.terminate();
  await Promise.all([alice, other].map((client) => client.close()));
});

describe('a storm', () => {
  const ROOMS = 50;
  const PER_ROOM = 100;
  const CLIENTS = 200;

  test('200 come back at once to 5000 messages in 50 rooms, and no history is read from PostgreSQL', { skip: onlyHere, timeout: 120_000 }, async () => {
    const names = Array.from({ length: ROOMS }, (_, i) => `storm-${i}`);
    await system.sqlExec(`INSERT INTO chat_channel (name) SELECT 'storm-' || i FROM generate_series(0, ${ROOMS - 1}) i`);
    const writers = await Promise.all(names.map((name) => connect('alice', name)));
    for (const writer of writers) {
      for (let i = 0; i < PER_ROOM; i++) {
        writer.sendChat(`message ${i}`);
      }
    }
    const truth = await Promise.all(writers.map((writer) => writer.count('chat_message', PER_ROOM, 60_000)));
    const calls = async () => (await system.sql(`SELECT coalesce(sum(calls), 0) AS n FROM pg_stat_statements
      WHERE query LIKE '%FROM chat_event%LIMIT%'`))[0].n;
    const before = await calls();
    const backs = await Promise.all(Array.from({ length: CLIENTS }, (_, i) =>
      connect(['bob', 'carol', 'admin'][i % 3], names[i % ROOMS], { since: i % 10, gateway: i % 2 })));
    for (const [i, back] of backs.entries()) {
      assert.equal(back.hello.resumed, true);
      const seen = await back.count(content, PER_ROOM - i % 10, 60_000);
      assert.deepEqual(seen, truth[i % ROOMS].slice(i % 10), `client ${i}`);
    }
    assert.equal(await calls(), before);
    const back = await connect('bob', names[0], { since: 0 });
    await dropLog(back.hello.channel_id);
    const fromRows = await connect('bob', names[0], { since: 0 });
    await fromRows.count(content, PER_ROOM);
    assert.ok(await calls() > before, 'the look for history queries can see one');
    await Promise.all([...backs, ...writers, back, fromRows].map((client) => client.close()));
  });
});

describe('a restart', () => {
  test('tells those with since by 1012 and a slot, cuts the others without a close frame', async () => {
    const own = await start({ gateways: 1, env: { ...ENV, DRAIN_SECONDS: '2' } });
    try {
      const open = (since) => Client.chat(own, 'general', { user: 'alice', since });
      const [told, cut] = [
        await Promise.all(Array.from({ length: 10 }, () => open(0))),
        await Promise.all(Array.from({ length: 10 }, () => open(undefined)))];
      const times = [];
      const note = (client) => client.closed.then((info) => { times.push(Date.now()); return info; });
      const [toldInfos, cutInfos] = await Promise.all([Promise.all(told.map(note)), Promise.all(cut.map(note)),
        ...own.parts('gateway').map((part) => own.terminate(part))]);
      for (const { code, reason } of toldInfos) {
        assert.equal(code, 1012);
        const [, ms] = /^retry_ms=(\d+)$/.exec(reason);
        assert.ok(Number(ms) < 2000);
      }
      assert.ok(cutInfos.every(({ code }) => code === 1006));
      assert.ok(Math.max(...times) - Math.min(...times) > 500, 'at a pace, not all at once');
      assert.ok(new Set(toldInfos.map(({ reason }) => reason)).size > 3, 'slots are spread');
    } finally {
      await own.stop();
    }
  });

  test('of a broker in the middle of a return: the client gets all, by this socket or its next', { timeout: 90_000 }, async () => {
    const room = await freshRoom();
    const alice = await connect('alice', room.name);
    for (let i = 0; i < 200; i++) {
      await alice.say(`m${i}`);
    }
    const seen = [];
    let since = 0;
    const run = async () => {
      while (since < 200) {
        const url = `${system.info.ws_url}/ws/chat/${room.name}/?since=${since}&token=${await system.token('bob')}`;
        const client = new Client(url);
        await client.opened.catch(() => {});
        await until(() => contents(client).some((f) => f.seq === 200) || !client.isOpen, 20_000).catch(() => {});
        for (const frame of contents(client)) {
          seen.push(frame.seq);
          since = frame.seq;
        }
        await client.close();
      }
    };
    const running = run();
    for (const part of ['broker', 'broker2']) {
      await system.kill(part);
      await system.start(part);
    }
    await running;
    assert.deepEqual(seen, Array.from({ length: 200 }, (_, i) => i + 1));
    await Promise.all(['broker', 'broker2'].map((part) => system.ready(part)));
    await alice.close();
  });
});
