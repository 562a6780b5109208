// SPDX-License-Identifier: MIT
// An S3-compatible server for the tests: s3rver, which knows objects, multipart uploads and the
// answer headers of presigned URLs, behind what it lacks: the check of signatures and bodies, the
// aborting of uploads, ranges of empty objects. Run as
//
//   node s3_server.mjs FOLDER BUCKET SECRET_KEY [PORT [KEY_FILE CERT_FILE]]
//
// it prints "ready PORT" and serves until it is killed. The access key is S3RVER, which is built into
// s3rver, the region us-east-1. Keys that begin with a name of FAULTS go wrong.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import S3rver from 's3rver';
import { checkSignature, Refusal } from './sigv4.mjs';

const [folder, bucket, secretKey, port = '0', keyFile, certFile] = process.argv.slice(2);
const account = { accessKey: 'S3RVER', secretKey, region: 'us-east-1' };
const dropped = new Set();

function answer(response, status, code, headers = {}) {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

function endless(response) {
  response.writeHead(400, { 'content-type': 'application/xml' });
  const piece = 'x'.repeat(65536);
  const push = () => { while (response.write(piece)); };
  response.on('drain', push);
  push();
}

// Each gets (request, response) and tells whether it has dealt with the request.
const FAULTS = {
  fault500: (q, a) => { answer(a, 500, 'InternalError'); return true; },
  fault503: (q, a) => { answer(a, 503, 'SlowDown'); return true; },
  fault507: (q, a) => { answer(a, 507, 'InsufficientStorage'); return true; },
  faultquota: (q, a) => { answer(a, 403, 'QuotaExceeded'); return true; },
  faultredirect: (q, a) => { answer(a, 307, 'TemporaryRedirect', { location: '/' }); return true; },
  faultendless: (q, a) => { endless(a); return true; },
  // The first request for each is cut off.
  faultdrop: (q) => {
    const isFirst = !dropped.has(q.method + q.url);
    dropped.add(q.method + q.url);
    if (isFirst) {
      q.socket.destroy();
    }
    return isFirst;
  },
  // The status says that all is well, the text that it is not.
  faultcomplete: (q, a) => {
    const isEnd = q.method === 'POST' && q.url.includes('uploadId=');
    if (isEnd) {
      answer(a, 200, 'InternalError');
    }
    return isEnd;
  },
  // Killed while it takes the second part.
  faultdie: (q) => {
    if (q.url.includes('partNumber=2')) {
      process.kill(process.pid, 'SIGKILL');
    }
    return false;
  },
  faultpart: (q, a) => {
    const isThird = q.url.includes('partNumber=3');
    if (isThird) {
      answer(a, 503, 'SlowDown');
    }
    return isThird;
  },
};

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The part of an object that was asked for; s3rver stumbles over ranges of empty ones. */
function sendRange(response, back, data, range) {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range);
  const from = first === '' ? Math.max(0, data.length - Number(last)) : Number(first);
  const to = first === '' || last === '' ? data.length - 1 : Number(last);
  if (from >= data.length || to < from) {
    answer(response, 416, 'InvalidRange');
    return;
  }
  const part = data.subarray(from, to + 1);
  response.writeHead(206, { ...back.headers, 'content-length': part.length,
    'content-range': `bytes ${from}-${from + part.length - 1}/${data.length}` });
  response.end(part);
}

function forward(request, body, response, to) {
  const { range, ...headers } = { ...request.headers, 'content-length': body.length };
  const { method, url } = request;
  const out = http.request({ host: '127.0.0.1', port: to, method, path: url, headers }, (back) => {
    if (range && back.statusCode === 200) {
      bodyOf(back).then((data) => sendRange(response, back, data, range));
    } else {
      response.writeHead(back.statusCode, back.headers);
      back.pipe(response);
    }
  });
  out.on('error', () => response.destroy());
  out.end(body);
}

async function abortUpload(id, response) {
  await rm(path.join(folder, bucket, '._S3rver_uploads', path.basename(id)), { recursive: true, force: true });
  response.writeHead(204);
  response.end();
}

async function serve(request, response, to) {
  const fault = FAULTS[request.url.split(/[/?]/)[2]];
  const uploadId = new URL(request.url, 'http://host').searchParams.get('uploadId');
  const body = await bodyOf(request);
  try {
    checkSignature(request, body, account);
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    answer(response, error.status, error.code);
    return;
  }
  if (fault?.(request, response)) {
    return;
  }
  if (request.method === 'DELETE' && uploadId) {
    await abortUpload(uploadId, response);
  } else {
    forward(request, body, response, to);
  }
}

async function main() {
  const store = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory: folder,
    configureBuckets: [{ name: bucket }] });
  const { port: inner } = await store.run();
  const onRequest = (request, response) => {
    serve(request, response, inner).catch(() => response.destroy());
  };
  const front = keyFile
    ? https.createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, onRequest)
    : http.createServer(onRequest);
  front.listen(Number(port), '127.0.0.1');
  await once(front, 'listening');
  process.stdout.write(`ready ${front.address().port}\n`);
}

await main();
