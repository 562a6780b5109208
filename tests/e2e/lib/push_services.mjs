// SPDX-License-Identifier: MIT
// The services that pushes go to, on one HTTPS port of this machine: Google's token endpoint and FCM's
// HTTP v1 by their published contracts, and a web push service (RFC 8030, 8188, 8291, 8292). Each
// checks what it is sent as the real one would, and answers errors on demand.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from './system.mjs';

const PROJECT = 'test-project';
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** FCM's errors: HTTP status and the status of the error, by FCM's own code. */
const FCM_ERRORS = {
  UNREGISTERED: [404, 'NOT_FOUND'],
  SENDER_ID_MISMATCH: [403, 'PERMISSION_DENIED'],
  INVALID_ARGUMENT: [400, 'INVALID_ARGUMENT'],
  QUOTA_EXCEEDED: [429, 'RESOURCE_EXHAUSTED'],
  UNAVAILABLE: [503, 'UNAVAILABLE'],
  INTERNAL: [500, 'INTERNAL'],
  THIRD_PARTY_AUTH_ERROR: [401, 'UNAUTHENTICATED'],
};

async function openssl(...args) {
  const result = await run('openssl', args);
  assert.equal(result.code, 0, result.stderr);
}

/** A certificate for this machine that is its own authority: { key, cert } as files. */
export async function makeCertificate(folder, name) {
  const [key, cert] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.pem`)];
  await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert);
  return { key, cert };
}

const part = (token, i) => JSON.parse(Buffer.from(token.split('.')[i], 'base64url'));
const seconds = () => Date.now() / 1000;

function verify(token, key, dsaEncoding) {
  const [head, claims, signature] = token.split('.');
  return crypto.verify('sha256', Buffer.from(`${head}.${claims}`), { key, dsaEncoding },
    Buffer.from(signature, 'base64url'));
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A browser: what it gives out, and the reading of what it is sent. */
export class Browser {
  #keys = crypto.createECDH('prime256v1');
  #auth = crypto.randomBytes(16);
  #services;
  id = crypto.randomUUID();

  constructor(services) {
    this.#services = services;
    this.#keys.generateKeys();
    services.browsers.set(this.id, this);
  }

  /** What a page sends to the server: the subscription as JSON text. */
  get subscription() {
    return JSON.stringify({
      endpoint: `${this.#services.url}/push/${this.id}`,
      expirationTime: null,
      keys: { p256dh: this.#keys.getPublicKey('base64url'), auth: this.#auth.toString('base64url') },
    });
  }

  decrypt(body) {
    const salt = body.subarray(0, 16);
    assert.ok(body.readUInt32BE(16) >= body.length - 86 && body[20] === 65 && body.length <= 4096);
    const theirs = body.subarray(21, 86);
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), this.#keys.getPublicKey(), theirs]);
    const ikm = crypto.hkdfSync('sha256', this.#keys.computeSecret(theirs), this.#auth, info, 32);
    const key = crypto.hkdfSync('sha256', ikm, salt, 'Content-Encoding: aes128gcm\0', 16);
    const nonce = crypto.hkdfSync('sha256', ikm, salt, 'Content-Encoding: nonce\0', 12);
    const decipher = crypto.createDecipheriv('aes-128-gcm', Buffer.from(key), Buffer.from(nonce));
    decipher.setAuthTag(body.subarray(-16));
    const text = Buffer.concat([decipher.update(body.subarray(86, -16)), decipher.final()]);
    assert.equal(text.at(-1), 2);
    return JSON.parse(text.subarray(0, -1));
  }
}

export class PushServices {
  #server;
  #sessions = new Set();
  #account = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  #access = new Set();
  folder;
  url;
  browsers = new Map();
  grants = 0;             // access tokens given out
  messages = [];          // what FCM took: { message, version }
  pushes = [];            // what the web push service took: { browser, text, headers }
  refused = [];           // requests that broke the contract, with the reason
  scripts = new Map();    // device token or browser id → answers that come first
  latencyMs = 0;
  accessLifetime = 3600;
  denyGrants = false;

  static async start() {
    const services = new PushServices();
    services.folder = await mkdtemp(path.join(tmpdir(), 'kibray-push-'));
    await chmod(services.folder, 0o755);
    await services.#listen();
    await services.#writeKeys();
    return services;
  }

  async #listen() {
    const { key, cert } = await makeCertificate(this.folder, 'server');
    this.caFile = cert;
    this.#server = http2.createSecureServer({ key: await readFile(key), cert: await readFile(cert), allowHTTP1: true });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => {});
    });
    this.#server.on('request', (request, response) => {
      request.on('error', () => {});
      response.on('error', () => {});
      this.#handle(request, response).catch((error) => {
        this.refused.push(error.message);
        this.#answer(response, 400, { error: { status: 'INVALID_ARGUMENT', message: error.message } });
      });
    });
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `https://127.0.0.1:${this.#server.address().port}`;
  }

  async #writeKeys() {
    this.credentialsFile = path.join(this.folder, 'account.json');
    await writeFile(this.credentialsFile, JSON.stringify({
      type: 'service_account', project_id: PROJECT, private_key_id: 'k1',
      private_key: this.#account.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      client_email: `push@${PROJECT}.iam.gserviceaccount.com`, token_uri: `${this.url}/token`,
    }));
    this.vapidFile = path.join(this.folder, 'vapid.pem');
    await openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', this.vapidFile);
  }

  /** The settings of a broker that is to use these services. */
  get environment() {
    return {
      FCM_CREDENTIALS_FILE: this.credentialsFile, FCM_URL: this.url, PUSH_CA_FILE: this.caFile,
      VAPID_PRIVATE_KEY_FILE: this.vapidFile, VAPID_SUBJECT: 'mailto:push@example.com',
    };
  }

  async stop() {
    for (const session of this.#sessions) {
      session.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Access tokens that were given out are worth nothing any more. */
  revokeAccess() {
    this.#access.clear();
  }

  /** The next pushes to this one are answered so: an error's name, or { status, body, headers }. */
  script(target, ...answers) {
    this.scripts.set(target, answers);
  }

  #answer(response, status, body, headers = {}) {
    if (!response.headersSent && !response.destroyed) {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    }
  }

  async #handle(request, response) {
    const body = await bodyOf(request);
    assert.equal(request.method, 'POST');
    if (request.url === '/token') {
      this.#grant(request, response, body);
    } else if (request.url === `/v1/projects/${PROJECT}/messages:send`) {
      await this.#message(request, response, body);
    } else {
      assert.match(request.url, /^\/push\//);
      await this.#push(request, response, body);
    }
  }

  #grant(request, response, body) {
    const form = new URLSearchParams(body.toString());
    const assertion = form.get('assertion');
    const claims = part(assertion, 1);
    assert.equal(request.headers['content-type'], 'application/x-www-form-urlencoded');
    assert.equal(form.get('grant_type'), GRANT);
    assert.equal(part(assertion, 0).alg, 'RS256');
    assert.ok(verify(assertion, this.#account.publicKey), 'the signature of the assertion');
    assert.equal(claims.iss, `push@${PROJECT}.iam.gserviceaccount.com`);
    assert.equal(claims.aud, `${this.url}/token`);
    assert.equal(claims.scope, SCOPE);
    assert.ok(claims.iat <= seconds() + 1 && claims.exp > seconds() && claims.exp - claims.iat <= 3600);
    if (this.denyGrants) {
      this.#answer(response, 400, { error: 'invalid_grant' });
      return;
    }
    const token = `ya29.${crypto.randomBytes(24).toString('base64url')}`;
    this.#access.add(token);
    this.grants++;
    this.#answer(response, 200, { access_token: token, expires_in: this.accessLifetime, token_type: 'Bearer' });
  }

  #error(response, answer) {
    if (typeof answer === 'object') {
      this.#answer(response, answer.status, answer.body ?? '', answer.headers);
      return;
    }
    const [status, name] = FCM_ERRORS[answer];
    const details = [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: answer }];
    if (answer === 'INVALID_ARGUMENT') {
      details.push({
        '@type': 'type.googleapis.com/google.rpc.BadRequest',
        fieldViolations: [{ field: 'message.token', description: 'Invalid registration token' }],
      });
    }
    const headers = answer === 'QUOTA_EXCEEDED' ? { 'retry-after': '1' } : {};
    this.#answer(response, status, { error: { code: status, message: answer, status: name, details } }, headers);
  }

  async #message(request, response, body) {
    const { message } = JSON.parse(body);
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (!this.#access.has(bearer)) {
      this.#answer(response, 401, { error: { code: 401, status: 'UNAUTHENTICATED', message: 'no valid credential' } });
      return;
    }
    assert.match(request.headers['content-type'], /^application\/json/);
    assert.deepEqual(Object.keys(message.data).sort(), ['category', 'notification_id', 'url']);
    assert.ok(Object.values(message.data).every((value) => typeof value === 'string'));
    const key = message.android.collapse_key;
    assert.equal(message.apns.headers['apns-collapse-id'], key);
    assert.equal(message.webpush.headers.Topic, key);
    assert.match(message.android.ttl, /^\d+s$/);
    await delay(this.latencyMs);
    const scripted = this.scripts.get(message.token)?.shift();
    if (scripted) {
      this.#error(response, scripted);
      return;
    }
    this.messages.push({ message, version: request.httpVersion });
    this.#answer(response, 200, { name: `projects/${PROJECT}/messages/${this.messages.length}` });
  }

  async #push(request, response, body) {
    const browser = this.browsers.get(request.url.split('/')[2]);
    assert.ok(browser, 'no such subscription');
    const [, token, key] = /^vapid t=([^,]+), k=([\w-]+)$/.exec(request.headers.authorization);
    const point = Buffer.from(key, 'base64url');
    const jwk = {
      kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url'),
    };
    assert.ok(verify(token, crypto.createPublicKey({ key: jwk, format: 'jwk' }), 'ieee-p1363'), 'the VAPID signature');
    const claims = part(token, 1);
    assert.equal(part(token, 0).alg, 'ES256');
    assert.equal(claims.aud, this.url);
    assert.equal(claims.sub, 'mailto:push@example.com');
    assert.ok(claims.exp > seconds() && claims.exp < seconds() + 86400);
    assert.match(request.headers.ttl, /^\d+$/);
    assert.match(request.headers.topic, /^[\w-]{1,32}$/);
    assert.match(request.headers.urgency, /^(very-low|low|normal|high)$/);
    assert.equal(request.headers['content-encoding'], 'aes128gcm');
    const scripted = this.scripts.get(browser.id)?.shift();
    if (scripted) {
      this.#answer(response, scripted.status, '', scripted.headers);
      return;
    }
    this.pushes.push({ browser, text: browser.decrypt(body), topic: request.headers.topic });
    response.writeHead(201, { location: `${this.url}/message/1` });
    response.end();
  }
}
