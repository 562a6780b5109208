// SPDX-License-Identifier: MIT
// Django as a witness: the site of tests/django/ beside a running system, on its database and with
// its keys; and who somebody is in both.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, chatUrl } from './client.mjs';
import { ROOT, run, until } from './system.mjs';

const SITE = path.join(ROOT, 'tests/django');
const KICK_MS = 5000;

/** Django beside a system: its commands, its pages, and what tests ask it to do. */
export class Site {
  #waiting = [];                    // one { resolve, reject } for each question, in order
  #process;
  #ended;                           // promise, once it was started

  /** `settings`: { DATABASE_URL, SECRET_KEY, … }, as the broker has them. */
  constructor(django, settings) {
    Object.assign(this, { django, settings });
  }

  get #options() {
    return { cwd: SITE, env: { ...this.django.env, ...this.settings } };
  }

  /** `manage.py <args>`; resolves to what it says. */
  async manage(...args) {
    const { code, stdout, stderr } = await run(this.django.python, ['manage.py', ...args], this.#options);
    if (code !== 0) {
      throw new Error(`manage.py ${args.join(' ')}: ${stderr}${stdout}`);
    }
    return stdout;
  }

  /** Ask the witness; resolves to its answer's value. */
  ask(what, options = {}) {
    this.#process ??= this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.stdin.write(`${JSON.stringify({ do: what, ...options })}\n`);
    });
  }

  #start() {
    const witness = spawn(this.django.python, ['witness.py'], {
      ...this.#options, stdio: ['pipe', 'pipe', 'inherit'],
    });
    readline.createInterface({ input: witness.stdout }).on('line', (line) => {
      const { value, error } = JSON.parse(line);
      const { resolve, reject } = this.#waiting.shift();
      if (error === undefined) {
        resolve(value);
      } else {
        reject(new Error(`the witness: ${error}`));
      }
    });
    this.#ended = new Promise((resolve) => {
      const end = (why) => {
        this.#process = undefined;
        this.#waiting.splice(0).forEach(({ reject }) => reject(new Error(`the witness ${why}`)));
        resolve();
      };
      witness.on('error', (error) => end(error.message));
      witness.on('close', (code, signal) => end(`ended with ${code ?? signal}`));
    });
    witness.stdin.on('error', () => {});     // its end says more
    return witness;
  }

  /** A request to a page; resolves to { status, body, session: the cookie it sets }. */
  request(method, pagePath, options = {}) {
    return this.ask('request', { method, path: pagePath, ...options });
  }

  post(pagePath, body, options = {}) {
    return this.request('POST', pagePath, { body, ...options });
  }

  /** Who somebody is in Django, by { session } or by { token }: a user's name; null: nobody. */
  async who({ session, token }) {
    const { status, body } = session === undefined
      ? await this.request('GET', '/by-token/', { bearer: token })
      : await this.request('GET', '/by-session/', { session });
    if (status !== 200) {
      assert.equal(status, 401);
      return null;
    }
    return body.username;
  }

  async stop() {
    this.#process?.stdin.end();
    await this.#ended;
  }
}

/** A system and a site on the same database and keys, and who somebody is in both. */
export class Pair {
  #people = 0;

  constructor(system, site) {
    Object.assign(this, { system, site });
  }

  /** A new user, made by Django, without a password unless one is given; resolves to { username, id, hash }. */
  async newUser(options = {}) {
    const username = options.username ?? `person${++this.#people}`;
    return { username, ...await this.site.ask('create_user', { ...options, username }) };
  }

  /** The key of a session by Django's login(). */
  sessionOf({ username }, options = {}) {
    return this.site.ask('login', { username, ...options });
  }

  /** A token by SimpleJWT. */
  tokenOf({ username }, kind, lifetimeS = 600) {
    return this.site.ask('token', { username, kind, lifetime_s: lifetimeS });
  }

  /** POST to the system's API, with what a browser or an app sends along for a credential. */
  post(pathName, body, credential = {}) {
    return this.system.http(pathName, { method: 'POST', body, headers: this.#headersOf(credential) });
  }

  #headersOf({ session, token }) {
    if (session === undefined) {
      return token === undefined ? {} : { Authorization: `Bearer ${token}` };
    }
    return { Cookie: `sessionid=${session}`, Origin: this.system.info.urls[0].replace(/\/$/, '') };
  }

  #socket(credential) {
    const { token } = credential;
    const headers = token === undefined ? this.#headersOf(credential) : {};
    return new Client(chatUrl(this.system, 'general', { token }), { headers });
  }

  /** An open socket by { session } or by { token }. */
  async open(credential) {
    const client = this.#socket(credential);
    const hello = await client.next();
    assert.equal(hello.type, 'connection_established', JSON.stringify(hello));
    return client;
  }

  /** Who somebody is here, by { session } or by { token }: a user's name; null: nobody. */
  async who(credential) {
    const client = this.#socket(credential);
    const { type, username, code } = await client.next();
    if (type === 'error') {
      assert.deepEqual([code, (await client.closed).code], ['AUTHENTICATION_FAILED', 4401]);
    } else {
      await client.close();
    }
    const name = type === 'error' ? null : username;
    const { status, body } = await this.system.http('/api/users/me/', { headers: this.#headersOf(credential) });
    assert.deepEqual([status, body.username], name === null ? [401, undefined] : [200, name]);
    return name;
  }

  /** Who somebody is here, and who in Django. */
  async both(credential) {
    return [await this.who(credential), await this.site.who(credential)];
  }

  /** Within 5 s the socket is closed, and the credential is nobody's any more: here, then in Django. */
  async assertEnded(client, credential) {
    const from = Date.now();
    const info = await Promise.race([client.closed, delay(KICK_MS, null, { ref: false })]);
    assert.equal(info?.code, 4401, `not closed within ${KICK_MS} ms`);
    await until(async () => (await this.who(credential)) === null, KICK_MS - (Date.now() - from), 'refused');
    assert.equal(await this.site.who(credential), null);
  }

  async stop() {
    await this.site.stop();
    await this.system.stop();
  }
}
