// SPDX-License-Identifier: MIT
// What uploads cost others: ten files of 25 MiB at once, sent as fast as they are taken, and meanwhile
// the latency of chat in another room, and how much the daemons and Redis grow. Run by
// `./dev bench --files`; the senders are a process of their own, so that they do not delay the probe.
import { execFileSync, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { Client } from '../e2e/lib/client.mjs';
import { start } from '../e2e/lib/system.mjs';
import { startS3 } from '../e2e/lib/s3.mjs';
import { begin, chunksOf, pdf } from '../e2e/lib/upload.mjs';

const FILES = 10, FILE_BYTES = 25 << 20, CHUNK_BYTES = 262144, WINDOW = 8;
const PROBE_PAUSE_MS = 5, IDLE_MS = 20_000, SAMPLE_MS = 20;
const SENDERS = ['alice', 'bob', 'carol', 'admin'];         // at most five open uploads each

async function send(client, data, encoded) {
  const { upload_id: id } = await begin(client, { file_size: data.length, post: false });
  let sent = 0;
  for (let answered = 0; answered < encoded.length; answered++) {
    for (; sent < encoded.length && sent < answered + WINDOW; sent++) {
      client.socket.send(`{"type":"upload_chunk","upload_id":"${id}","chunk_index":${sent},"chunk_data":"${encoded[sent]}"}`);
    }
    const frame = await client.next((f) => f.type === 'upload_progress' || f.type === 'error');
    if (frame.type === 'error') {
      throw new Error(JSON.stringify(frame));
    }
  }
  await client.next('upload_complete', 120_000);
}

async function senders({ info, tokens }) {
  const data = pdf(FILE_BYTES), encoded = chunksOf(data, CHUNK_BYTES).map((c) => c.toString('base64'));
  const clients = [];
  for (let i = 0; i < FILES; i++) {
    clients.push(await Client.chat({ info }, 'general',
      { token: tokens[i % tokens.length], gateway: i % 2, perMessageDeflate: false }));
  }
  process.send('ready');
  await new Promise((resolve) => process.once('message', resolve));
  const begun = Date.now();
  await Promise.all(clients.map((client) => send(client, data, encoded)));
  process.send({ seconds: (Date.now() - begun) / 1000 });
  process.exit(0);
}

const rssMiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

async function latencies(from, to, isOver) {
  const all = [];
  while (!isOver()) {
    const begun = performance.now(), id = `p${Math.random()}`;
    from.sendChat('hello', { client_id: id });
    await to.next((f) => f.client_id === id);
    all.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, PROBE_PAUSE_MS));
  }
  all.sort((a, b) => a - b);
  const at = (share) => Number(all[Math.min(all.length - 1, Math.floor(all.length * share))].toFixed(2));
  return { count: all.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

const over = (ms, end = Date.now() + ms) => () => Date.now() > end;

async function measure(kind) {
  const s3 = kind === 's3' ? await startS3({ disk: '/dev/shm' }) : null;
  const system = await start({ gateways: 2, brokers: 2, env: { USER_RATE_LIMIT: '0', WEBSOCKET_RATE_LIMIT: '0',
    UPLOAD_BYTES_PER_MINUTE: '0', ...s3?.settings } });
  const { pids } = system.info;
  const parts = { gateway: pids.gateway[0], gateway2: pids.gateway[1], broker: pids.broker[0], broker2: pids.broker[1],
    redis: pids.redis };
  const alice = await Client.chat(system, 'random', { user: 'alice', perMessageDeflate: false });
  const bob = await Client.chat(system, 'random', { user: 'bob', gateway: 1, perMessageDeflate: false });
  const tokens = await Promise.all(SENDERS.map((user) => system.token(user)));
  const child = fork(fileURLToPath(import.meta.url), ['senders', JSON.stringify({ info: { urls: system.info.urls }, tokens })]);
  // Neither is ours to measure, and both would be on other machines: with all their threads they get
  // what the server leaves of one processor, and nothing of its disk.
  for (const pid of [child.pid, s3?.child.pid].filter(Boolean)) {
    execFileSync('chrt', ['--all-tasks', '--idle', '--pid', '0', `${pid}`]);
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', `${os.cpus().length - 1}`, `${pid}`]);
  }
  await new Promise((resolve) => child.once('message', resolve));
  await latencies(alice, bob, over(2000));
  const idle = await latencies(alice, bob, over(IDLE_MS));
  const before = Object.fromEntries(Object.entries(parts).map(([name, pid]) => [name, rssMiB(pid)]));
  const grown = {};
  const timer = setInterval(() => {
    for (const [name, pid] of Object.entries(parts)) {
      grown[name] = Math.max(grown[name] ?? 0, Math.round((rssMiB(pid) - before[name]) * 10) / 10);
    }
  }, SAMPLE_MS);
  let result;
  child.on('message', (message) => { result = message; });
  child.on('exit', () => { result ??= { seconds: 0 }; });
  child.send('go');
  const during = await latencies(alice, bob, () => result !== undefined);
  clearInterval(timer);
  console.log(JSON.stringify({ storage: kind, files: FILES, file_mib: FILE_BYTES >> 20, ...result, idle, during,
    p99_ratio: Number((during.p99 / idle.p99).toFixed(2)), grown_mib: grown }));
  alice.socket.terminate();
  bob.socket.terminate();
  await system.stop();
  await s3?.stop();
}

if (process.argv[2] === 'senders') {
  await senders(JSON.parse(process.argv[3]));
} else {
  for (const kind of ['local', 's3']) {
    await measure(kind);
  }
  process.exit(0);
}
