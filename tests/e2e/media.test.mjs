// SPDX-License-Identifier: MIT
// Files over HTTP: who gets one and how much of it, bodies that are files, and what happens when a
// part dies in the middle. Once with files in a folder, then with an object storage behind both ways
// of downloading.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './lib/client.mjs';
import { makeSession } from './lib/credentials.mjs';
import { startS3 } from './lib/s3.mjs';
import { onlyHere, protocolOf, start, until } from './lib/system.mjs';
import { pdf, png, sha256, upload, uploadPath } from './lib/upload.mjs';

const MIB = 1024 * 1024;
const SIZE = 300_000;               // of the file that is looked at: more than one piece
const BIG = 20 * MIB;
const SETTINGS = { USER_RATE_LIMIT: '0', WEBSOCKET_RATE_LIMIT: '0', UPLOAD_BYTES_PER_MINUTE: '0' };

let system;
const channelId = (name) => system.channel(name).id;
const bearer = async (user) => (user ? { Authorization: `Bearer ${await system.token(user)}` } : {});

/** Resolves to { status, headers, body: Buffer }; follows to the storage. */
async function get(user, path, { headers, gateway = 0, method = 'GET', redirect } = {}) {
  const response = await fetch(system.info.urls[gateway] + path,
    { method, redirect, headers: { ...await bearer(user), ...headers } });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

/** A request by hand; resolves to the answer's head: { status, headers, response, request }. */
async function begin(user, method, path, { headers, gateway = 0, agent } = {}) {
  const url = system.info.urls[gateway] + path;
  const request = protocolOf(url).request(url,
    { method, agent, headers: { ...await bearer(user), ...headers } });
  request.on('error', () => {});
  const head = new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  head.catch(() => {});
  return { request, head };
}

/** POST a body to /api/uploads/; resolves to { status, body, headers }. */
async function post(user, params, body, { type = 'application/pdf', headers, gateway } = {}) {
  const { request, head } = await begin(user, 'POST', uploadPath(params), {
    gateway, headers: { 'Content-Type': type, 'Content-Length': body.length, ...headers } });
  request.end(body);
  return finish(await head);
}

async function finish(response) {
  const pieces = [];
  for await (const piece of response) {
    pieces.push(piece);
  }
  const bytes = Buffer.concat(pieces);
  let body = bytes;
  try {
    body = JSON.parse(bytes);
  } catch {
    // Bytes stay bytes.
  }
  return { status: response.statusCode, headers: response.headers, body };
}

/** A file in a message of alice in a room; resolves to its attachment. */
async function share(room, data, fields = {}) {
  const alice = await Client.chat(system, room, { user: 'alice' });
  try {
    const complete = await upload(alice, data, fields);
    assert.equal(complete.type, 'upload_complete', JSON.stringify(complete));
    const shown = await alice.next('chat_message');
    return { ...complete.attachment, messageId: shown.message.id };
  } finally {
    await alice.close();
  }
}

async function say(user, room, frame, answerType) {
  const client = await Client.chat(system, room, { user });
  client.send(frame);
  const answer = await client.next((f) => f.type === answerType || f.type === 'error');
  await client.close();
  return answer;
}

function suite(name, settings, { isRedirected = false, withDeaths = false, skip = false } = {}) {
  describe(name, { skip }, () => {
    let data;
    let file;
    before(async () => {
      system = await start({ gateways: 2, brokers: 2, env: { ...SETTINGS, ...await settings() } });
      data = pdf(SIZE);
      file = await share('leads', data, { file_name: 'plan.pdf' });
    });
    after(() => system.stop());

    describe('a download', () => {
      test('is for whoever may enter the channel', async () => {
        for (const [user, gateway] of [['alice', 0], ['bob', 1], ['bob', 0]]) {
          const answer = await get(user, file.url, { gateway });
          assert.equal(answer.status, 200);
          assert.equal(sha256(answer.body), sha256(data));
          assert.equal(answer.headers.get('content-type'), 'application/pdf');
        }
        for (const user of ['carol', undefined]) {
          const answer = await get(user, file.url);
          assert.equal(answer.status, 404);
          assert.equal(JSON.parse(answer.body).code, 'not_found');
        }
        const session = { Cookie: `sessionid=${await makeSession(system, 'bob')}` };
        assert.equal((await get(undefined, file.url, { headers: session })).status, 200);
      });

      test('has its name and number, or is not there', async () => {
        for (const path of ['/media/attachments/987654321/plan.pdf', `/media/attachments/${file.id}/other.pdf`,
          `/media/attachments/${file.id}/`, `/media/attachments/${file.id}`, '/media/attachments/', '/media/x',
          `/media/attachments/${file.id}/plan.pdf/`, `/media/attachments/x/plan.pdf`, '/media/attachments/%2e%2e/plan.pdf']) {
          assert.equal((await get('alice', path)).status, 404, path);
        }
      });

      test('is safe to look at', async () => {
        const { headers } = await get('alice', file.url, { method: 'HEAD' });
        assert.equal(headers.get('x-content-type-options'), 'nosniff');
        assert.equal(headers.get('content-security-policy'), 'sandbox');
        assert.equal(headers.get('content-disposition'), 'attachment; filename="plan.pdf"');
        assert.equal(headers.get('cache-control'), 'private, no-cache');
        assert.equal(headers.get('accept-ranges'), 'bytes');
        assert.equal(headers.get('etag'), `"${sha256(data)}"`);
      });

      test('HEAD tells the length', async () => {
        const answer = await get('alice', file.url, { method: 'HEAD', redirect: 'manual', headers: { Range: 'bytes=0-1' } });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('content-length'), `${SIZE}`);
        assert.equal(answer.body.length, 0);
      });

      test('only GET and HEAD', async () => {
        for (const method of ['POST', 'PUT', 'DELETE']) {
          const answer = await get('alice', file.url, { method, headers: { 'Content-Length': '0' } });
          assert.equal(answer.status, 405);
          assert.match(answer.headers.get('allow'), /GET/);
        }
      });

      if (isRedirected) {
        test('is sent to the storage', async () => {
          const answer = await get('alice', file.url, { redirect: 'manual' });
          assert.equal(answer.status, 302);
          assert.equal(answer.headers.get('cache-control'), 'private, no-store');
          const followed = await fetch(answer.headers.get('location'));
          assert.equal(followed.headers.get('content-disposition'), 'attachment; filename="plan.pdf"');
          assert.equal(followed.headers.get('content-type'), 'application/pdf');
        });
      }

      test('a range', async () => {
        const ranges = [
          ['bytes=0-0', 0, 0], ['bytes=0-99', 0, 99], ['bytes=262100-262200', 262100, 262200],
          ['bytes=299999-', SIZE - 1, SIZE - 1], ['bytes=-100', SIZE - 100, SIZE - 1],
          ['bytes=100-99999999', 100, SIZE - 1], ['bytes=-99999999', 0, SIZE - 1],
        ];
        for (const [range, first, last] of ranges) {
          const answer = await get('bob', file.url, { headers: { Range: range }, gateway: 1 });
          assert.equal(answer.status, 206, range);
          assert.equal(answer.headers.get('content-range'), `bytes ${first}-${last}/${SIZE}`);
          assert.equal(answer.headers.get('content-length'), `${last + 1 - first}`);
          assert.equal(Buffer.compare(answer.body, data.subarray(first, last + 1)), 0, range);
        }
      });

      test('a range that is none, or outside', async () => {
        for (const range of ['bytes=300000-', 'bytes=300000-400000', 'bytes=-0']) {
          const answer = await get('bob', file.url, { headers: { Range: range } });
          assert.equal(answer.status, 416, range);
          if (!isRedirected) {
            assert.equal(answer.headers.get('content-range'), `bytes */${SIZE}`);
            assert.deepEqual(Object.keys(JSON.parse(answer.body)).sort(), ['code', 'detail']);
          }
        }
        if (isRedirected) {
          return;               // the rest is the storage's own business
        }
        for (const range of ['bytes=5-4', 'bytes=a-b', 'bytes=', 'bytes=-', 'lines=1-2', 'bytes=0-1,5-6', 'x'.repeat(600)]) {
          const answer = await get('bob', file.url, { headers: { Range: range } });
          assert.equal(answer.status, 200, range);
          assert.equal(answer.body.length, SIZE);
        }
      });

      test('with conditions', async () => {
        const etag = `"${sha256(data)}"`;
        for (const value of [etag, `W/${etag}`, '*', `"x", ${etag}`]) {
          const answer = await get('bob', file.url, { headers: { 'If-None-Match': value }, redirect: 'manual' });
          assert.equal(answer.status, 304, value);
          assert.equal(answer.body.length, 0);
          assert.equal(answer.headers.get('etag'), etag);
        }
        assert.equal((await get('bob', file.url, { headers: { 'If-None-Match': '"x"' } })).status, 200);
        assert.equal((await get('carol', file.url, { headers: { 'If-None-Match': etag } })).status, 404);
        if (isRedirected) {
          return;
        }
        const range = { Range: 'bytes=0-9' };
        assert.equal((await get('bob', file.url, { headers: { ...range, 'If-Range': etag } })).status, 206);
        for (const value of ['"x"', `W/${etag}`, 'Wed, 21 Oct 2015 07:28:00 GMT']) {
          assert.equal((await get('bob', file.url, { headers: { ...range, 'If-Range': value } })).status, 200, value);
        }
      });

      test('names of all kinds', async () => {
        for (const [given, shown] of [
          ['Übersicht 2024 €.pdf', 'attachment; filename="_bersicht 2024 _.pdf"; filename*=UTF-8\'\'%C3%9Cbersicht%202024%20%E2%82%AC.pdf'],
          ['a "b" 100%.pdf', /^attachment; filename="a _b_ 100_\.pdf"; filename\*=UTF-8''a%20%22b%22%20100%25\.pdf$/],
          ['日本.pdf', 'attachment; filename="__.pdf"; filename*=UTF-8\'\'%E6%97%A5%E6%9C%AC.pdf'],
        ]) {
          const small = pdf(500);
          const attachment = await share('leads', small, { file_name: given });
          const head = await get('bob', attachment.url, { method: 'HEAD' });
          assert.equal(head.status, 200, attachment.url);
          const disposition = head.headers.get('content-disposition');
          if (shown instanceof RegExp) {
            assert.match(disposition, shown);
          } else {
            assert.equal(disposition, shown);
          }
          assert.equal(sha256((await get('bob', attachment.url)).body), sha256(small));
        }
      });

      test('a picture has a small one', async () => {
        const picture = png(900, 600);
        const attachment = await share('leads', picture, { file_name: 'p.png', file_type: 'image/png' });
        const whole = await get('bob', attachment.url);
        assert.equal(sha256(whole.body), sha256(picture));
        const head = await get('bob', attachment.url, { method: 'HEAD' });
        assert.equal(head.headers.get('content-disposition'), 'inline; filename="p.png"');
        const small = await get('bob', `${attachment.url}?thumbnail=1`);
        assert.equal(small.status, 200);
        assert.match(small.headers.get('content-type'), /^image\//);
        assert.ok(small.body.length > 0 && small.body.length < picture.length);
        const etag = (await get('bob', `${attachment.url}?thumbnail=1`, { method: 'HEAD' })).headers.get('etag');
        assert.notEqual(etag, head.headers.get('etag'));
        assert.equal((await get('bob', `${file.url}?thumbnail=1`)).status, 404);
        assert.equal((await get('carol', `${attachment.url}?thumbnail=1`)).status, 404);
      });

      test('goes with its message', async () => {
        const attachment = await share('leads', pdf(500));
        assert.equal((await get('bob', attachment.url)).status, 200);
        const deleted = await say('alice', 'leads', { type: 'delete_message', message_id: attachment.messageId }, 'delete_message');
        assert.equal(deleted.type, 'delete_message');
        await until(async () => (await get('bob', attachment.url)).status === 404, 5000, '404');
        assert.equal((await get('alice', attachment.url)).status, 404);
      });
    });

    describe('a body', () => {
      test('of 20 MiB goes up at one gateway and down at both', async () => {
        const big = pdf(BIG);
        const answer = await post('alice', { channel_id: channelId('leads'), file_name: 'big.pdf', post: '0' }, big);
        assert.equal(answer.status, 201, JSON.stringify(answer.body));
        const { attachment } = answer.body;
        assert.deepEqual(Object.keys(attachment), ['id', 'file_name', 'file_size', 'file_type', 'url', 'sha256']);
        assert.equal(attachment.sha256, sha256(big));
        assert.equal(answer.headers['x-content-type-options'], 'nosniff');
        for (const gateway of [0, 1]) {
          assert.equal(sha256((await get('alice', attachment.url, { gateway })).body), sha256(big));
        }
        assert.equal((await get('bob', attachment.url)).status, 404);      // in no message yet
        const shown = await say('alice', 'leads',
          { type: 'chat_message', message: 'look', attachments: [attachment.id] }, 'chat_message');
        assert.equal(shown.message?.attachments?.[0]?.id, attachment.id, JSON.stringify(shown));
        assert.equal((await get('bob', attachment.url, { headers: { Range: 'bytes=0-9' } })).status, 206);
      });

      test('becomes a message unless told otherwise', async () => {
        const bob = await Client.chat(system, 'leads', { user: 'bob', gateway: 1 });
        for (const size of [100, 262144, 262145, 524288]) {
          const body = pdf(size);
          const answer = await post('alice', { channel_id: channelId('leads'), file_name: `f${size}.pdf` }, body);
          assert.equal(answer.status, 201, JSON.stringify(answer.body));
          const shown = await bob.next('chat_message');
          assert.equal(shown.message.attachments[0].id, answer.body.attachment.id);
          assert.equal(sha256((await get('bob', answer.body.attachment.url)).body), sha256(body));
        }
        await bob.close();
      });

      test('is refused', async () => {
        const there = { channel_id: channelId('general'), file_name: 'a.pdf' };
        const small = pdf(400);
        const cases = [
          ['no token', undefined, there, small, {}, 401],
          ['an unknown channel', 'alice', { ...there, channel_id: 987654 }, small, {}, 404],
          ['no channel', 'alice', { file_name: 'a.pdf' }, small, {}, 400],
          ['no access', 'carol', { ...there, channel_id: channelId('leads') }, small, {}, 403],
          ['no name', 'alice', { channel_id: channelId('general') }, small, {}, 400],
          ['a name that runs', 'alice', { ...there, file_name: 'a.exe' }, small, {}, 400],
          ['a type that is not taken', 'alice', there, small, { type: 'text/html' }, 400],
          ['not what it says', 'alice', { ...there, file_name: 'a.png' }, small, { type: 'image/png' }, 400],
          ['empty', 'alice', there, Buffer.alloc(0), {}, 400],
        ];
        for (const [what, user, params, body, options, status] of cases) {
          const answer = await post(user, params, body, options);
          assert.equal(answer.status, status, `${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
          assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'detail'], what);
        }
        assert.equal((await get('alice', '/api/uploads/')).status, 405);
      });

      test('is not read when it is refused: not even asked for', { skip: onlyHere }, async () => {
        const { request, head } = await begin('alice', 'POST', uploadPath({ channel_id: channelId('general'), file_name: 'a.pdf' }),
          { headers: { 'Content-Type': 'application/pdf', 'Content-Length': 30_000_000, Expect: '100-continue' } });
        let isContinued = false;
        request.on('continue', () => { isContinued = true; });
        request.flushHeaders();
        assert.equal((await finish(await head)).status, 413);
        assert.equal(isContinued, false);
        request.destroy();
      });

      test('refused while it is being sent, the client sees why', async () => {
        const answer = await post('alice', { channel_id: 987654, file_name: 'a.pdf' }, pdf(BIG));
        assert.equal(answer.status, 404);
      });

      test('waits for 100 Continue where the client does', async () => {
        const body = pdf(1000);
        const { request, head } = await begin('alice', 'POST', uploadPath({ channel_id: channelId('general'), file_name: 'a.pdf', post: 0 }),
          { headers: { 'Content-Type': 'application/pdf', 'Content-Length': body.length, Expect: '100-continue' } });
        request.flushHeaders();
        await once(request, 'continue');
        request.end(body);
        assert.equal((await finish(await head)).status, 201);
      });

      test('without a length: 411', { skip: onlyHere }, async () => {
        const { request, head } = await begin('alice', 'POST', uploadPath({ channel_id: channelId('general'), file_name: 'a.pdf' }),
          { headers: { 'Content-Type': 'application/pdf', 'Transfer-Encoding': 'chunked' } });
        request.end(pdf(100));
        assert.equal((await finish(await head)).status, 411);
      });

      test('by a cookie from another origin: 403', async () => {
        const headers = { Cookie: `sessionid=${await makeSession(system, 'alice')}` };
        const params = { channel_id: channelId('general'), file_name: 'a.pdf', post: 0 };
        const forged = await post(undefined, params, pdf(400), { headers: { ...headers, Origin: 'http://evil.example' } });
        assert.equal(forged.status, 403);
        assert.equal((await post(undefined, params, pdf(400), { headers: { ...headers, Origin: system.info.urls[0] } })).status, 201);
      });

      test('a client that goes away in the middle leaves nothing behind', async () => {
        for (let i = 0; i < 12; i++) {        // more than UPLOADS_PER_USER that were left open
          const { request } = await begin('bob', 'POST', uploadPath({ channel_id: channelId('general'), file_name: 'a.pdf' }),
            { headers: { 'Content-Type': 'application/pdf', 'Content-Length': 1_000_000 }, gateway: 1 });
          request.write(pdf(300_000));
          await sleep(100);
          request.destroy();
        }
        await until(async () => (await system.metric('gateway2', 'gateway_upload_bytes')) === 0, 15_000, 'nothing on the way');
        await until(async () => (await system.sql(`SELECT count(*)::int AS n FROM upload WHERE user_id = ${system.user('bob').id}
          AND attachment_id IS NULL`))[0].n === 0, 15_000, 'no upload left open');
        const whole = await post('bob', { channel_id: channelId('general'), file_name: 'a.pdf', post: 0 }, pdf(1000), { gateway: 1 });
        assert.equal(whole.status, 201, JSON.stringify(whole.body));
      });
    });

    if (withDeaths) {
      deaths();
    }
  });
}

/** Reads a download by hand: `want(n)` resolves when n bytes are there or it ended. */
class Reading {
  constructor(response) {
    this.response = response;
    this.pieces = [];
    this.length = 0;
    this.isEnded = false;
    response.on('error', () => {});
    response.on('close', () => { this.isEnded = true; });
  }

  get bytes() {
    return Buffer.concat(this.pieces);
  }

  async want(n, timeoutMs = 60_000) {
    const deadline = Date.now() + timeoutMs;
    while (this.length < n && !this.isEnded) {
      const piece = this.response.read(Math.min(65536, n - this.length)) ?? this.response.read();
      if (piece) {
        this.pieces.push(piece);
        this.length += piece.length;
      } else {
        assert.ok(Date.now() < deadline, `${this.length} of ${n} bytes`);
        await sleep(5);
      }
    }
  }
}

async function beginReading(user, path, options) {
  const { request, head } = await begin(user, 'GET', path, { ...options, agent: new (protocolOf(system.info.urls[0]).Agent)() });
  request.end();
  return new Reading(await head);
}

function deaths() {
  describe('under way', () => {
    let data;
    let file;
    before(async () => {
      data = pdf(BIG);
      const answer = await post('alice', { channel_id: channelId('leads'), file_name: 'big.pdf' }, data);
      assert.equal(answer.status, 201, JSON.stringify(answer.body));
      file = answer.body.attachment;
      // Others may have it when its message is there, which the answer does not wait for.
      await until(async () => (await get('bob', file.url, { method: 'HEAD' })).status === 200, 10_000, 'its message');
    });

    /** Which gateway has the download that is under way. */
    const serving = async () => (await system.metric('gateway', 'gateway_downloads') > 0 ? 'gateway' : 'gateway2');

    test('a slow reader holds up nobody', { timeout: 120_000 }, async () => {
      const reading = await beginReading('bob', file.url);
      const alice = await Client.chat(system, 'leads', { user: 'alice' });
      for (let second = 1; second <= 8; second++) {
        await reading.want(second * 65536);
        await alice.say(`second ${second}`);
        assert.ok(reading.length < BIG, 'the whole file was there already');
        await sleep(1000);
      }
      await alice.close();
      await reading.want(BIG);
      assert.equal(reading.length, BIG, 'the download was cut');
      assert.equal(sha256(reading.bytes), sha256(data));
    });

    test('a gateway dies: the client goes on at the other one', { timeout: 180_000 }, async () => {
      const reading = await beginReading('bob', file.url);
      const etag = reading.response.headers.etag;
      await reading.want(MIB);
      const part = await serving();
      await system.kill(part);
      await reading.want(BIG, 90_000);       // a proxy may only see it by its own time limit of 60 s
      assert.ok(reading.length < BIG, 'the whole file was there already');
      const rest = await get('bob', file.url,
        { gateway: 1, headers: { Range: `bytes=${reading.length}-`, 'If-Range': etag } });
      assert.equal(rest.status, 206);
      assert.equal(sha256(Buffer.concat([reading.bytes, rest.body])), sha256(data));
      await system.start(part);
      await system.ready(part);
    });

    test('brokers die: a download waits and goes on', { timeout: 180_000 }, async () => {
      const reading = await beginReading('bob', file.url, { gateway: 1 });
      let at = 0;
      for (const part of ['broker', 'broker2']) {        // one of them has answered it
        await reading.want(at + 2 * MIB);
        at = reading.length;
        await system.kill(part);
        await reading.want(at + 2 * MIB);
        at = reading.length;
        await system.start(part);
        await system.ready(part);
      }
      await reading.want(BIG);
      assert.equal(sha256(reading.bytes), sha256(data));
    });

    test('brokers die: an upload waits and goes on', { timeout: 180_000 }, async () => {
      const { request, head } = await begin('alice', 'POST', uploadPath({ channel_id: channelId('leads'), file_name: 'slow.pdf', post: 0 }),
        { gateway: 1, headers: { 'Content-Type': 'application/pdf', 'Content-Length': data.length } });
      const answered = head.then(finish);
      const early = answered.then((answer) => {
        throw new Error(`answered before all was sent: ${JSON.stringify(answer)}`);
      });
      early.catch(() => {});
      const send = async (from, to) => {
        for (let at = from; at < to; at += MIB) {
          if (!request.write(data.subarray(at, Math.min(at + MIB, to)))) {
            await Promise.race([once(request, 'drain'), early]);
          }
        }
      };
      await send(0, 4 * MIB);
      for (const [i, part] of ['broker', 'broker2'].entries()) {
        const killed = system.kill(part);
        await Promise.all([killed, send((4 + 8 * i) * MIB, (12 + 8 * i) * MIB)]);
        await system.start(part);
        await system.ready(part);
      }
      request.end();
      const answer = await answered;
      assert.equal(answer.status, 201, JSON.stringify(answer.body));
      assert.equal(answer.body.attachment?.sha256, sha256(data), JSON.stringify(answer.body));
      assert.equal(sha256((await get('alice', answer.body.attachment.url)).body), sha256(data));
    });

    test('a gateway that is stopped lets a download end', { timeout: 120_000 }, async () => {
      const reading = await beginReading('bob', file.url);
      await reading.want(MIB);
      const part = await serving();
      await Promise.all([system.terminate(part), reading.want(BIG)]);
      assert.equal(sha256(reading.bytes), sha256(data));
      await system.start(part);
      await system.ready(part);
    });
  });
}

suite('files in a folder', async () => ({ STORAGE: 'local' }), { withDeaths: true });

for (const downloads of ['redirect', 'proxy']) {
  let s3;
  before(async () => { s3 ??= onlyHere ? null : await startS3(); });
  after(() => s3?.stop());
  suite(`files in an object storage, downloads by ${downloads}`,
    async () => ({ ...(s3 ??= await startS3()).settings, S3_DOWNLOADS: downloads }),
    { isRedirected: downloads === 'redirect', skip: onlyHere });
}
