// SPDX-License-Identifier: MIT
// TLS ended by the gateway itself: what it speaks, what it refuses, and that all else stays as it
// is without; new certificates while sockets are open.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { Client } from './lib/client.mjs';
import { run, start, until } from './lib/system.mjs';
import { sha256, upload } from './lib/upload.mjs';

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';     // self-signed; the certificate is compared below

let folder;
let system;

async function makeCertificate(name) {
  const file = (kind) => path.join(folder, `${name}.${kind}`);
  const result = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1',
    '-keyout', file('key'), '-out', file('pem')]);
  assert.equal(result.code, 0, result.stderr);
}

async function useCertificate(name) {
  await copyFile(path.join(folder, `${name}.pem`), path.join(folder, 'cert.pem'));
  await copyFile(path.join(folder, `${name}.key`), path.join(folder, 'key.pem'));
}

const connect = (options = {}) => tls.connect({ host: '127.0.0.1', port: system.info.port,
  rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...options });

async function shake(options) {
  const socket = connect(options);
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

async function refusalOf(options) {
  const socket = connect(options);
  const [error] = await once(socket, 'error');
  return error.code;
}

/** Whatever the end is: once() would reject for a reset. */
const ended = (socket) => new Promise((resolve) => { socket.on('error', () => {}).once('close', resolve); });

async function metric(name) {
  const text = await (await fetch(system.info.metrics[0])).text();
  const line = text.split('\n').find((l) => l.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kibray-tls-'));
  await makeCertificate('first');
  await makeCertificate('second');
  await useCertificate('first');
  system = await start({ brokers: 2, env: {
    TLS_CERT: path.join(folder, 'cert.pem'), TLS_KEY: path.join(folder, 'key.pem'),
    WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0', CHANNEL_EXPIRY: '2', CONNECTIONS_PER_ADDRESS: '0', CONNECTIONS_PER_USER: '0',
  } });
});
after(async () => {
  await system.stop();
  await rm(folder, { recursive: true });
});

describe('handshakes', () => {
  test('TLS 1.3 and 1.2, http/1.1 by ALPN', async () => {
    for (const version of ['TLSv1.3', 'TLSv1.2']) {
      const socket = await shake({ minVersion: version, maxVersion: version });
      assert.equal(socket.getProtocol(), version);
      assert.equal(socket.alpnProtocol, 'http/1.1');
      assert.equal(socket.getPeerCertificate().subject.CN, 'first');
      socket.destroy();
    }
  });

  test('nothing older, no weak cipher, no other protocol', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    assert.match(await refusalOf(old), /ALERT|VERSION|EPROTO/);
    const cbc = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' };
    assert.match(await refusalOf(cbc), /HANDSHAKE_FAILURE/);
    assert.match(await refusalOf({ ALPNProtocols: ['h2'] }), /NO_APPLICATION_PROTOCOL/);
  });

  test('plain HTTP and nonsense end that connection and nothing else', async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    const failed = await metric('gateway_tls_handshakes_total{outcome="failed"}') || 0;
    for (const bytes of ['GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', randomBytes(4000)]) {
      const socket = net.connect(system.info.port, '127.0.0.1');
      socket.resume();
      socket.write(bytes);
      await ended(socket);
    }
    await until(async () => await metric('gateway_tls_handshakes_total{outcome="failed"}') >= failed + 2);
    await client.say('still here');
    await client.close();
  });

  test('who never shakes hands is dropped, as who never asks', { timeout: 60_000 }, async () => {
    const silent = net.connect(system.info.port, '127.0.0.1').resume();
    const shaken = (await shake()).resume();
    await Promise.all([ended(silent), ended(shaken)]);
  });
});

describe('what goes over it', () => {
  test('a request and its answer; the plain side of a client that closes', async () => {
    const answer = await system.http('/api/token/', { body: { username: 'alice', password: 'no' } });
    assert.equal(answer.status, 401);
    const socket = await shake();
    let text = '';
    socket.setEncoding('utf8').on('data', (data) => { text += data; });
    socket.end('GET /api/channels/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');      // close_notify at once
    await ended(socket);
    assert.match(text, /^HTTP\/1\.1 401 /);
  });

  test('chats, with frames in the packet of the handshake', async () => {
    const token = await system.token('bob');
    const socket = await shake();
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | 15, 0, 0, 0, 0]), Buffer.from('{"type":"ping"}')]);
    socket.write(Buffer.concat([Buffer.from('GET /ws/chat/general/ HTTP/1.1\r\nHost: 127.0.0.1\r\n'
      + 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
      + `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer ${token}\r\n\r\n`), frame]));
    let text = '';
    socket.on('data', (data) => { text += data.toString('latin1'); });
    await until(() => text.includes('"pong"'), 10_000, 'pong');
    assert.match(text, /^HTTP\/1\.1 101 /);
    socket.destroy();
  });

  test('120 clients at once; each gets each message once', { timeout: 120_000 }, async () => {
    const clients = await Promise.all(Array.from({ length: 120 },
      (_, i) => Client.chat(system, 'general', { user: ['alice', 'bob', 'carol'][i % 3] })));
    assert.ok(await metric('gateway_tls_connections') >= 120);
    for (let i = 0; i < 20; i++) {
      clients[i].sendChat(`tls ${i} ${'x'.repeat(i * 400)}`);
    }
    for (const client of clients) {
      const frames = await client.count((f) => f.type === 'chat_message' && f.message.content.startsWith('tls '), 20);
      assert.equal(new Set(frames.map((f) => f.message.content)).size, 20);
    }
    await Promise.all(clients.map((client) => client.close()));
    await until(async () => await metric('gateway_tls_connections') < 10, 15_000, 'links to end');
  });

  test('8 MiB up over a socket, and down again, are the same bytes', { timeout: 120_000 }, async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    const data = randomBytes(8 << 20);
    data.write('%PDF-1.4\n');
    const done = await upload(client, data);
    assert.equal(done.type, 'upload_complete', JSON.stringify(done));
    const url = new URL(done.attachment?.url ?? done.file_url ?? JSON.stringify(done), system.info.urls[0]);
    const response = await fetch(url, { headers: { Authorization: `Bearer ${await system.token('alice')}` } });
    assert.equal(response.status, 200, response.url);
    assert.equal(sha256(Buffer.from(await response.arrayBuffer())), sha256(data));
    await client.close();
  });

  test('a client with small records gets all of a long answer', { timeout: 60_000 }, async () => {
    const token = await system.token('alice');
    const client = await Client.chat(system, 'general', { user: 'alice' });
    const data = randomBytes(300_000);
    data.write('%PDF-1.4\n');
    const done = await upload(client, data);
    await client.close();
    const url = done.attachment?.url ?? done.file_url;
    const child = spawn('openssl', ['s_client', '-quiet', '-no_ign_eof', '-maxfraglen', '512', '-connect',
      `127.0.0.1:${system.info.port}`], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.write(`GET ${url} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    const pieces = [];
    child.stdout.on('data', (piece) => pieces.push(piece));
    await once(child, 'exit');
    const answer = Buffer.concat(pieces);
    assert.equal(sha256(answer.subarray(answer.indexOf('\r\n\r\n') + 4)), sha256(data), `${answer.length} bytes`);
  });

  test('a slow reader is closed with 4413, and holds nobody up', { timeout: 120_000 }, async () => {
    const [sender, slow, healthy] = await Promise.all(['alice', 'bob', 'carol']
      .map((user) => Client.chat(system, 'general', { user, perMessageDeflate: false })));
    slow.socket.pause();
    const text = 'x'.repeat(9000);
    const total = 3000;
    for (let i = 0; i < total; i += 100) {
      for (let j = 0; j < 100; j++) {
        sender.sendChat(text);
      }
      await healthy.count((f) => f.message?.content === text, i + 100, 30_000);
    }
    slow.socket.resume();
    const { code } = await slow.closed;
    assert.ok([4413, 1006].includes(code), `${code}`);
    assert.ok(slow.frames.filter((f) => f.message?.content === text).length < total);
    await Promise.all([sender.close(), healthy.close()]);
  });
});

describe('SIGHUP', () => {
  const certificateNow = async () => {
    const socket = await shake();
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  const hangUp = () => process.kill(system.info.pids.gateway[0] ?? system.info.pids.gateway, 'SIGHUP');

  test('brings a new certificate, and open sockets stay', async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    await useCertificate('second');
    hangUp();
    await until(async () => await certificateNow() === 'second', 10_000, 'the second certificate');
    await client.say('on the connection of before');
    await client.close();
  });

  test('with a broken file says so and goes on with the old one', async () => {
    await writeFile(path.join(folder, 'cert.pem'), 'no certificate');
    hangUp();
    const line = await until(async () => (await system.log('gateway')).split('\n')
      .find((l) => l.includes('"tls_files"')), 10_000, 'the complaint');
    assert.match(line, /TLS_CERT is no readable PEM certificate chain/);
    assert.equal(await certificateNow(), 'second');
    assert.ok(!(await readFile(path.join(folder, 'key.pem'), 'utf8')).includes(line));
  });

  test('with a key of another certificate too', async () => {
    await copyFile(path.join(folder, 'first.pem'), path.join(folder, 'cert.pem'));
    hangUp();
    await until(async () => (await system.log('gateway')).includes('TLS_KEY is no readable PEM key of this'),
      10_000, 'the complaint');
    assert.equal(await certificateNow(), 'second');
  });
});

test('a stop tells who can resume so, over TLS too', async () => {
  const clients = await Promise.all(Array.from({ length: 20 },
    () => Client.chat(system, 'general', { user: 'alice', since: 0 })));
  process.kill(system.info.pids.gateway[0] ?? system.info.pids.gateway, 'SIGTERM');
  const codes = (await Promise.all(clients.map((client) => client.closed))).map(({ code }) => code);
  assert.ok(codes.every((code) => code === 1012), `${codes}`);
});

describe('two workers', () => {
  let family;
  before(async () => {
    await useCertificate('first');
    family = await start({ env: { WORKERS: '2', TLS_CERT: path.join(folder, 'cert.pem'),
      TLS_KEY: path.join(folder, 'key.pem') } });
  });
  after(() => family.stop());

  const parent = () => family.info.pids.gateway[0];
  const workers = async () => (await readFile(`/proc/${parent()}/task/${parent()}/children`, 'utf8')).trim().split(' ');
  const commonName = async () => {
    const socket = tls.connect({ host: '127.0.0.1', port: family.info.port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };

  test('all read new files; with bad ones no more than the worker that must start is away', async () => {
    await until(async () => (await workers()).length === 2, 10_000, 'two workers');
    await useCertificate('second');
    process.kill(parent(), 'SIGHUP');
    await until(async () => (await Promise.all(Array.from({ length: 12 }, commonName))).every((name) => name === 'second'),
      10_000, 'the second certificate from both');
    await new Promise((resolve) => setTimeout(resolve, 1200));      // they have lived for a second
    await writeFile(path.join(folder, 'key.pem'), 'no key');
    const [killed, other] = await workers();
    process.kill(Number(killed), 'SIGKILL');
    await until(async () => (await family.log('gateway')).includes('TLS_KEY is no readable PEM key'), 10_000,
      'a start that fails');
    assert.equal(await commonName(), 'second');
    await useCertificate('second');
    await until(async () => (await workers()).length === 2, 20_000, 'two workers again');
    assert.ok((await workers()).includes(other));
  });
});
