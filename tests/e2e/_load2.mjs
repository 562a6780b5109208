// child: uploader; parent: probe
import { fork } from 'node:child_process';
import { start } from './lib/system.mjs';
import { Client } from './lib/client.mjs';
import { begin, chunksOf, pdf } from './lib/upload.mjs';
import { readFileSync } from 'node:fs';
if (process.argv[2] === 'child') {
  const { info, window, size, pace } = JSON.parse(process.argv[3]);
  const system = { info };
  const data = pdf(size); const encoded = chunksOf(data, 262144).map((c) => c.toString('base64'));
  const clients = [];
  for (let i = 0; i < 10; i++) clients.push(await Client.chat(system, 'general', { token: info.tokens[i % 3 + (i > 8 ? 1 : 0)], gateway: i % 2, perMessageDeflate: false }));
  process.send('ready');
  await new Promise((r) => process.once('message', r));
  const t0 = Date.now();
  await Promise.all(clients.map(async (c) => {
    const s = await begin(c, { file_size: data.length, post: false });
    if (s.type === 'error') throw new Error(JSON.stringify(s));
    let sent = 0;
    for (let done = 0; done < encoded.length; done++) {
      while (sent < encoded.length && sent < done + window) { c.socket.send(`{"type":"upload_chunk","upload_id":"${s.upload_id}","chunk_index":${sent},"chunk_data":"${encoded[sent++]}"}`); }
      const f = await c.next((x) => x.type === 'upload_progress' || x.type === 'error');
      if (f.type === 'error') throw new Error(JSON.stringify(f));
      if (pace) await new Promise((r) => setTimeout(r, pace));
    }
    process.send({ sent: Date.now() - t0 });
    await c.next('upload_complete', 60000);
    process.send({ done: Date.now() - t0 });
  }));
  process.send('end');
  process.exit(0);
}
const opt = JSON.parse(process.argv[2] ?? '{}');
const system = await start({ gateways: 2, brokers: 2, env: { USER_RATE_LIMIT:'0', WEBSOCKET_RATE_LIMIT:'0', UPLOAD_BYTES_PER_MINUTE:'0', ...opt.env } });
const { pids } = system.info;
const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`,'utf8'))[1]) / 1024;
const cpu = (pid) => { const f = readFileSync(`/proc/${pid}/stat`,'utf8').split(') ')[1].split(' '); return (Number(f[11]) + Number(f[12])) / 100; };
const daemons = { gateway: pids.gateway[0], gateway2: pids.gateway[1], broker: pids.broker[0], broker2: pids.broker[1], redis: pids.redis };
const a = await Client.chat(system, 'random', { user: 'alice', perMessageDeflate: false });
const b = await Client.chat(system, 'random', { user: 'bob', gateway: 1, perMessageDeflate: false });
let serial = 0;
async function latencies(stop) {
  const out = [];
  while (!stop()) {
    const t = performance.now(); const id = `m${serial++}`;
    a.sendChat('hello', { client_id: id });
    await b.next((f) => f.client_id === id);
    out.push(performance.now() - t);
    await new Promise((r) => setTimeout(r, 5));
  }
  const s = [...out].sort((x, y) => x - y);
  const q = (p) => s[Math.min(s.length - 1, Math.floor(s.length * p))].toFixed(2);
  return `n ${s.length} p50 ${q(.5)} p95 ${q(.95)} p99 ${q(.99)} max ${s.at(-1).toFixed(1)}`;
}
const timed = (ms) => { const end = Date.now() + ms; return () => Date.now() > end; };
await latencies(timed(1500));
console.log('idle', await latencies(timed(5000)));
const tokens = []; for (const u of ['alice','bob','carol','admin']) tokens.push(await system.token(u));
const child = fork(process.argv[1], ['child', JSON.stringify({ info: { urls: system.info.urls, tokens }, window: opt.window ?? 8, size: opt.size ?? 25 << 20, pace: opt.pace ?? 0 })]);
await new Promise((r) => child.once('message', r));
const before = Object.fromEntries(Object.entries(daemons).map(([k, p]) => [k, rss(p)])); const peak = { ...before };
const cpu0 = Object.fromEntries(Object.entries(daemons).map(([k, p]) => [k, cpu(p)]));
let phase = 'sending'; const ev = []; let ended = false;
child.on('message', (m) => { ev.push(m); if (m === 'end') ended = true; });
child.on('exit', () => { ended = true; });
const timer = setInterval(() => { for (const [k, p] of Object.entries(daemons)) peak[k] = Math.max(peak[k], rss(p)); }, 20);
child.send('go'); const t0 = Date.now();
const allSent = () => ended || ev.filter((e) => e.sent).length >= 10;
console.log('sending', await latencies(allSent), Date.now() - t0, 'ms');
console.log('finishing', await latencies(() => ended), Date.now() - t0, 'ms');
clearInterval(timer);
console.log('cpu', Object.entries(daemons).map(([k, p]) => `${k} ${(cpu(p) - cpu0[k]).toFixed(2)}`).join(', '));
console.log('idle again', await latencies(timed(4000)));
for (const k of Object.keys(daemons)) console.log(k, 'grew', (peak[k] - before[k]).toFixed(1));
a.socket.terminate(); b.socket.terminate();
await system.stop(); process.exit(0);
