// SPDX-License-Identifier: MIT
// One whole system for one test file, started by `./dev run --detach` in a temporary folder and on
// free ports, and stopped with everything that it wrote. Also what tests do to it from outside.
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const DEV = path.join(ROOT, 'dev');
const PORT_SPAN = 200;          // what one system may use from its --port on
const START_ATTEMPTS = 5;       // another process may take a port between our look and its use
const METRICS_OFFSETS = { gateway: 100, broker: 150 };     // from a system's port
const SANITIZER_REPORT = /ERROR: (Address|Leak)Sanitizer|runtime error:/;

/** Why a test cannot be done through the one published port of a system in containers; else false. */
export const onlyHere = process.env.KIBRAY_E2E_START ? 'needs the processes, files or ports of this machine' : false;

/** http or https, whichever a URL asks for. */
export const protocolOf = (url) => (new URL(url).protocol === 'https:' ? https : http);

/** Run a program; resolves to { code, stdout, stderr } whatever its exit code. */
export async function run(file, args, options = {}) {
  try {
    const out = await execFileAsync(file, args, { maxBuffer: 64 << 20, ...options });
    return { code: 0, ...out };
  } catch (error) {
    if (typeof error.code !== 'number') {
      throw error;
    }
    return { code: error.code, stdout: error.stdout, stderr: error.stderr };
  }
}

/** Poll until `probe` gives something truthy; resolves to it. For states, never for durations. */
export async function until(probe, timeoutMs = 30_000, what = 'condition') {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) {
      return value;
    }
    if (Date.now() > deadline) {
      throw new Error(`${what}: not within ${timeoutMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A port from which on the ports of one system are free. */
export async function freePort() {
  for (;;) {
    const base = 10_000 + Math.floor(Math.random() * 100) * 220;
    const wanted = [0, 1, 2, 3, 100, 101, 102, 103, 150, 151, 152, 153, 180, 190];
    const answers = await Promise.all(wanted.map((offset) => isFree(base + offset)));
    if (answers.every(Boolean)) {
      return base;
    }
  }
}

/** The caller's environment without what would tie the new system to another one. */
function cleanEnvironment(extra) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^(REDIS_URL|DATABASE_URL|SECRET_KEY|PORT|NODE_TEST_CONTEXT|KIBRAY_VAR)$/.test(name)) {
      delete env[name];
    }
  }
  return { ...env, ...extra };
}

/** Remove what a system wrote; KIBRAY_KEEP=1 keeps it to be looked at. */
async function removeFolder(folder) {
  if (process.env.KIBRAY_KEEP !== '1') {
    await rm(folder, { recursive: true, force: true });
  }
}

export class System {
  #varFolder;
  #env;
  #tokens = new Map();              // user name → promise of an access token

  constructor(varFolder, env) {
    this.#varFolder = varFolder;
    this.#env = { ...env, KIBRAY_VAR: varFolder };
  }

  get varFolder() {
    return this.#varFolder;
  }

  get environment() {
    return this.#env;
  }

  /** `./dev <args>` for this system; resolves to { code, stdout, stderr }. */
  dev(...args) {
    return run(DEV, args, { env: this.#env });
  }

  async #devOk(...args) {
    const result = await this.dev(...args);
    if (result.code !== 0) {
      throw new Error(`./dev ${args.join(' ')}: ${result.stderr}${result.stdout}`);
    }
    return result.stdout;
  }

  async status() {
    return JSON.parse(await this.#devOk('status', '--json'));
  }

  /** SIGKILL a part. */
  kill(part) {
    return this.#devOk('kill', part);
  }

  /** Start a killed part again; it becomes ready in its own time. */
  start(part) {
    return this.#devOk('start', part);
  }

  async signal(part, name) {
    const saved = await readFile(path.join(this.#varFolder, 'run', `${part}.pid`), 'utf8');
    process.kill(Number(saved.split(' ')[0]), name);
  }

  /** SIGTERM a daemon, and wait until it has gone. */
  async terminate(part) {
    await this.signal(part, 'SIGTERM');
    const line = new RegExp(`^${part} +down$`, 'm');
    await until(async () => line.test(await this.#devOk('status')), 30_000, `${part} to go`);
  }

  /** The names of all gateways or brokers. */
  parts(kind) {
    return Array.from({ length: this.info.count[`${kind}s`] }, (_, i) => (i === 0 ? kind : `${kind}${i + 1}`));
  }

  /** A client at this gateway: open(gateway), which may have to be tried where an address stands for all. */
  at(gateway, open) {
    return open(gateway);
  }

  #metricsUrl(part, name) {
    const [, kind, number] = /^(gateway|broker)(\d*)$/.exec(part);
    return `http://127.0.0.1:${this.info.port + METRICS_OFFSETS[kind] + (Number(number || 1) - 1)}/${name}`;
  }

  /** Wait until a gateway or broker calls itself ready. */
  async ready(part) {
    const answersReady = () => fetch(this.#metricsUrl(part, 'readyz')).then(({ ok }) => ok, () => false);
    await until(answersReady, 60_000, `${part} ready`);
  }

  /** All that a daemon's metrics port says. */
  async metrics(part) {
    return (await fetch(this.#metricsUrl(part, 'metrics'))).text();
  }

  /** One of a daemon's metrics, as a number; NaN while it has none. */
  async metric(part, name) {
    const line = (await this.metrics(part)).split('\n').find((text) => text.startsWith(`${name} `));
    return Number(line?.split(' ')[1]);
  }

  /** Every file of the local storage, as a path below it. */
  async mediaFiles() {
    const files = await readdir(path.join(this.#varFolder, 'media'), { recursive: true, withFileTypes: true });
    return files.filter((file) => file.isFile()).map((file) => path.join(file.parentPath, file.name));
  }

  log(part) {
    return readFile(path.join(this.#varFolder, 'log', `${part}.log`), 'utf8');
  }

  /** Rows of one SQL query, as objects. */
  async sql(query) {
    const wrapped = `SELECT coalesce(json_agg(q), '[]') FROM (${query}) q`;
    const result = await run('psql', ['-XqAt', '-d', this.info.database_url, '-c', wrapped]);
    if (result.code !== 0) {
      throw new Error(result.stderr);
    }
    return JSON.parse(result.stdout);
  }

  /** An SQL command without a result. */
  async sqlExec(command) {
    const args = ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', this.info.database_url, '-c', command];
    const result = await run('psql', args);
    if (result.code !== 0) {
      throw new Error(result.stderr);
    }
  }

  async redis(...args) {
    const result = await run('redis-cli', ['-u', this.info.redis_url, ...args]);
    if (result.code !== 0) {
      throw new Error(result.stderr);
    }
    return result.stdout.trimEnd();
  }

  /** An administrative command of the broker. */
  async broker(args, env = {}) {
    const build = process.env.KIBRAY_BUILD ?? path.join(ROOT, 'build');
    const result = await run(path.join(build, 'bin/kibray-broker'), args, {
      env: { ...this.#env, DATABASE_URL: this.info.database_url, ...env },
    });
    if (result.code !== 0) {
      throw new Error(`kibray-broker ${args.join(' ')}: ${result.stderr}`);
    }
  }

  addUser(name, ...flags) {
    return this.broker(['user', 'add', name, '--if-absent', ...flags], {
      KIBRAY_PASSWORD: `${name}-password`,
    });
  }

  addChannel(name, ...flags) {
    return this.broker(['channel', 'add', name, '--if-absent', ...flags]);
  }

  user(name) {
    return this.info.users.find((user) => user.username === name);
  }

  channel(name) {
    return this.info.channels.find((channel) => channel.name === name);
  }

  /** POST or GET on the HTTP API; resolves to { status, headers, body } (JSON or text). */
  async http(pathName, { body, method, headers, gateway = 0 } = {}) {
    const response = await fetch(this.info.urls[gateway] + pathName, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    let value = text;
    try {
      value = JSON.parse(text);
    } catch {
      // Plain text stays plain text.
    }
    return { status: response.status, headers: response.headers, body: value };
  }

  login(username, password = `${username}-password`, gateway = 0) {
    return this.http('/api/token/', { body: { username, password }, gateway });
  }

  /** An access token of a user; asked for once. */
  token(username) {
    if (!this.#tokens.has(username)) {
      this.#tokens.set(username, this.#askForToken(username));
    }
    return this.#tokens.get(username);
  }

  async #askForToken(username) {
    const answer = await this.login(username);
    if (answer.status !== 200) {
      this.#tokens.delete(username);
      throw new Error(`token for ${username}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body.access;
  }

  /** Stop everything and remove its files. Fails when a sanitizer had something to say. */
  async stop() {
    await this.#devOk('stop');
    const folder = path.join(this.#varFolder, 'log');
    const reports = [];
    for (const name of await readdir(folder)) {
      const text = await readFile(path.join(folder, name), 'utf8');
      const at = text.search(SANITIZER_REPORT);
      if (at >= 0) {
        reports.push(`${name}:\n${text.slice(at, at + 6000)}`);
      }
    }
    await removeFolder(this.#varFolder);
    if (reports.length > 0) {
      throw new Error(`sanitizer reports\n${reports.join('\n')}`);
    }
  }
}

/** Start a system: { gateways, brokers, env }. KIBRAY_E2E_START names a module that does it otherwise. */
export async function start({ gateways = 1, brokers = 1, env = {} } = {}) {
  if (process.env.KIBRAY_E2E_START) {
    return (await import(process.env.KIBRAY_E2E_START)).start({ gateways, brokers, env });
  }
  const varFolder = await mkdtemp(path.join(tmpdir(), 'kibray-e2e-'));
  await chmod(varFolder, 0o755);      // PostgreSQL's own user has to get through
  const system = new System(varFolder, cleanEnvironment(env));
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const result = await system.dev('run', '--detach', '--no-build', '--port', `${port}`,
      '--gateways', `${gateways}`, '--brokers', `${brokers}`);
    if (result.code === 0) {
      system.info = { ...(await system.status()), port, count: { gateways, brokers } };
      return system;
    }
    if (attempt === START_ATTEMPTS || !/port \d+ for .* is taken/.test(result.stderr)) {
      await removeFolder(varFolder);
      throw new Error(`./dev run failed:\n${result.stdout}\n${result.stderr}`);
    }
  }
}

export { PORT_SPAN };
