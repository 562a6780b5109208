// SPDX-License-Identifier: MIT
// Very many people on /ws/status/, on two gateways: a fifth of them is cut off and comes back within
// the grace, then leaves for good. KIBRAY_STORM_PEOPLE makes it larger. The clients are bare
// sockets that count, because nothing in Node reads so many frames otherwise.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import net from 'node:net';
import { readFile } from 'node:fs/promises';
import { forgeToken } from './lib/credentials.mjs';
import { start, until } from './lib/system.mjs';

const PEOPLE = Number(process.env.KIBRAY_STORM_PEOPLE ?? 500);
const LEAVING = PEOPLE / 5;
const AT_ONCE = 50;                     // handshakes under way
const GRACE_MS = 5000;
const ONLINE = Buffer.from('"type":"user_status"');
const OFFLINE = Buffer.from('"status":"offline"');

let system, ids;
before(async () => {
  system = await start({ gateways: 2, brokers: 2, env: { CONNECTIONS_PER_ADDRESS: '0' } });
  await system.sqlExec(`INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email,
    is_staff, is_active, date_joined) SELECT '!', false, 'storm' || n, '', '', '', false, true, now()
    FROM generate_series(1, ${PEOPLE}) n`);
  ids = (await system.sql("SELECT id FROM auth_user WHERE username LIKE 'storm%' ORDER BY id")).map((row) => row.id);
});
after(() => system.stop());

/** A bare WebSocket that counts user_status frames, and those of them that say offline. */
class Counter {
  told = 0;
  offline = 0;
  #rest = Buffer.alloc(0);

  constructor(url, token) {
    const { hostname, port } = new URL(url);
    this.socket = net.connect(Number(port), hostname);
    this.socket.on('error', () => {});
    this.socket.write(`GET /ws/status/?token=${token} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\n`
      + 'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
    this.opened = new Promise((resolve) => { this.onOpen = resolve; });
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.on('data', (data) => this.#count(data));
  }

  #count(data) {
    const text = Buffer.concat([this.#rest, data]);
    this.told += Counter.#occurrences(text, ONLINE, this.#rest.length);
    this.offline += Counter.#occurrences(text, OFFLINE, this.#rest.length);
    this.#rest = Buffer.from(text.subarray(Math.max(0, text.length - ONLINE.length + 1)));
    if (this.onOpen && text.includes('connection_established')) {
      this.onOpen();
      this.onOpen = null;
    }
  }

  /** Those that were not whole in what was looked at before. */
  static #occurrences(text, what, before) {
    let count = 0;
    for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, at + 1)) {
      count += at + what.length > before ? 1 : 0;
    }
    return count;
  }
}

async function open(some) {
  const made = [];
  for (let i = 0; i < some.length; i += AT_ONCE) {
    const part = some.slice(i, i + AT_ONCE)
      .map((id, k) => new Counter(system.info.urls[k % 2], forgeToken(system.info.secret_key, { user_id: id })));
    await Promise.all(part.map((client) => client.opened));
    made.push(...part);
  }
  return made;
}

const shown = async () => (await system.sql("SELECT count(*)::int AS n FROM user_presence WHERE shown = 'online'"))[0].n;

async function cpuSeconds() {
  const { pids } = await system.status();
  let seconds = 0;
  for (const pid of [...pids.broker, ...pids.gateway]) {
    const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
    seconds += (Number(stat[11]) + Number(stat[12])) / 100;     // user and system, in ticks
  }
  return seconds;
}

test('a storm of people: back in time nobody hears of it, gone for good everybody does, once', async (t) => {
  const clients = await open(ids);
  await until(async () => await shown() === PEOPLE, 60_000, 'all online');
  await sleep(1000);
  const staying = clients.slice(LEAVING);
  const before = staying.map((client) => client.told);

  for (const client of clients.slice(0, LEAVING)) {
    client.socket.destroy();
  }
  const back = await open(ids.slice(0, LEAVING));
  await sleep(GRACE_MS + 2000);
  assert.deepEqual(staying.map((client) => client.told), before, 'no frame about those who came back');
  assert.equal(await shown(), PEOPLE);

  const cpu = await cpuSeconds();
  for (const client of back) {
    client.socket.destroy();
  }
  await until(async () => await shown() === PEOPLE - LEAVING, 60_000, 'those who left offline');
  await until(() => staying.every((client, i) => client.told - before[i] >= LEAVING), 60_000, 'everybody told');
  await sleep(1000);
  assert.ok(staying.every((client, i) => client.told - before[i] === LEAVING && client.offline === LEAVING),
    'each hears of each once');
  t.diagnostic(`${PEOPLE} people, ${LEAVING} left: ${((await cpuSeconds() - cpu) * 1e6 / LEAVING).toFixed(0)} us CPU a change `
    + `of brokers and gateways, for ${staying.length} watchers`);
  for (const client of staying) {
    client.socket.destroy();
  }
});
