// SPDX-License-Identifier: MIT
// The system of compose.yaml in the place of `./dev run`: everything is reached through nginx and
// TLS, by one address for all gateways. The parts are containers: gateway, gateway2 …, broker …,
// redis, postgres, nginx. What the test needs inside of them goes through the engine. Loaded by
// tests/e2e/lib/system.mjs; ./dev compose-test sets the scene.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT, System, run, until } from '../e2e/lib/system.mjs';

const ENGINE = (process.env.CONTAINER_ENGINE ?? 'docker').split(' ');
const COMPOSE = (process.env.COMPOSE ?? `${ENGINE.join(' ')} compose`).split(' ');
const START_MS = 120_000;
const PASSWORD = 'kibray';
const PLACING_MAX = 20;             // sockets until one of them is at the wanted gateway

async function ok([program, ...words], args, options = {}) {
  const result = await run(program, [...words, ...args], { cwd: ROOT, ...options });
  if (result.code !== 0) {
    throw new Error(`${program} ${args.join(' ')}: ${result.stderr}${result.stdout}`);
  }
  return result.stdout;
}

const engine = (...args) => ok(ENGINE, args);

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

class ComposeSystem extends System {
  #project;
  #environment;
  #settings;                        // a compose file, or undefined
  #containers = new Map();          // part → id

  constructor(project, environment) {
    super(null, environment);
    this.#project = project;
    this.#environment = environment;
  }

  compose(...args) {
    const files = ['compose.yaml', ...(this.#settings ? [this.#settings] : [])]
      .flatMap((name) => ['-f', path.resolve(ROOT, name)]);
    return ok(COMPOSE, ['-p', this.#project, ...files, ...args], { env: this.#environment });
  }

  /** compose.yaml hands on what people set; a test may set anything else, in a file of its own. */
  async writeSettings(folder, env) {
    const handedOn = new Set([...(await readFile(path.join(ROOT, 'compose.yaml'), 'utf8')).matchAll(/^ +- ([A-Z0-9_]+)$/gm)]
      .map(([, name]) => name));
    const own = Object.entries(env).filter(([name]) => !handedOn.has(name));
    const service = { environment: own.map(([name, value]) => `${name}=${value}`) };
    this.#settings = path.join(folder, 'settings.yaml');
    await writeFile(this.#settings, JSON.stringify({ services: { gateway: service, broker: service } }));
  }

  async up(gateways, brokers) {
    const begin = Date.now();
    await this.compose('up', '-d');
    await this.#find(gateways, brokers);
    await until(async () => (await this.login('admin').catch(() => null))?.status === 200, START_MS, 'a login');
    const text = `SELECT id, username, is_staff FROM auth_user WHERE username IN ('alice', 'bob', 'carol', 'admin')`;
    this.info.users = (await this.sql(text)).map((user) => ({ ...user, password: `${user.username}-password` }));
    this.info.channels = await this.sql('SELECT id, name, is_private FROM chat_channel ORDER BY id');
    this.info.secret_key = await this.#inside('broker', 'cat', '/var/lib/kibray/secrets/secret_key');
    this.startMs = Date.now() - begin;
  }

  /** Which container is which part, by the labels that every compose puts on them. */
  async #find(gateways, brokers) {
    for (const [kind, count] of Object.entries({ gateway: gateways, broker: brokers, redis: 1, postgres: 1, nginx: 1 })) {
      for (let i = 1; i <= count; i++) {
        const labels = { project: this.#project, service: kind, 'container-number': i };
        const filters = Object.entries(labels).flatMap(([key, value]) => ['--filter', `label=com.docker.compose.${key}=${value}`]);
        const id = (await engine('ps', '-aq', ...filters)).trim();
        if (!/^[0-9a-f]+$/.test(id)) {
          throw new Error(`no container ${kind} ${i}: ${JSON.stringify(id)}`);
        }
        this.#containers.set(i === 1 ? kind : `${kind}${i}`, id);
      }
    }
  }

  #id(part) {
    return this.#containers.get(part);
  }

  async #inside(part, ...args) {
    return (await engine('exec', this.#id(part), ...args)).trimEnd();
  }

  async isRunning(part) {
    return (await engine('inspect', '--format', '{{.State.Running}}', this.#id(part))).trim() === 'true';
  }

  /** SIGKILL a container, and see it dead. */
  async kill(part) {
    await engine('kill', '--signal', 'KILL', this.#id(part));
    await until(async () => !(await this.isRunning(part)), 30_000, `${part} dead`);
  }

  async signal(part, name) {
    await engine('kill', '--signal', name, this.#id(part));
  }

  async terminate(part) {
    await engine('stop', '--time', '30', this.#id(part));
  }

  async start(part) {
    await engine('start', this.#id(part));
  }

  /** Its own word on it: the health check of the image, or the store's client. */
  async ready(part) {
    const probes = {
      gateway: ['kibray-health', '/readyz'], broker: ['kibray-health', '/readyz'],
      redis: ['redis-cli', 'ping'], nginx: ['sh', '-c', 'kill -0 "$(cat /tmp/nginx.pid)"'], postgres: ['pg_isready', '-q', '-h', '127.0.0.1'],
    };
    const probe = probes[part.replace(/\d+$/, '')];
    await until(() => this.#inside(part, ...probe).then(() => true, () => false), 60_000, `${part} ready`);
  }

  /** nginx chooses. Those at another gateway stay until one is right, so that nobody seems to come and go. */
  async at(gateway, open) {
    const part = this.parts('gateway')[gateway];
    const elsewhere = [];
    try {
      while (elsewhere.length < PLACING_MAX) {
        const before = await this.metric(part, 'websocket_connections');
        const client = await open(gateway);
        if (await this.metric(part, 'websocket_connections') > before) {
          return client;
        }
        elsewhere.push(client);
      }
      throw new Error(`no socket at ${part}`);
    } finally {
      await Promise.all(elsewhere.map((other) => other.close()));
    }
  }

  metrics(part) {
    const script = 'exec 3<>/dev/tcp/127.0.0.1/9100; printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3';
    return this.#inside(part, 'bash', '-c', script);
  }

  async #someBroker() {
    for (const part of this.parts('broker')) {
      if (await this.isRunning(part)) {
        return part;
      }
    }
    throw new Error('no broker runs');
  }

  async mediaFiles() {
    const text = await this.#inside(await this.#someBroker(), 'find', '/var/lib/kibray/media', '-type', 'f');
    return text.split('\n').filter(Boolean);
  }

  log(part) {
    return engine('logs', this.#id(part));
  }

  async #psql(...args) {
    return ok(ENGINE, ['exec', '-e', `PGPASSWORD=${PASSWORD}`, this.#id('postgres'), 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1',
      '-h', '127.0.0.1', '-U', 'kibray', ...args]);
  }

  async sql(query) {
    return JSON.parse(await this.#psql('-c', `SELECT coalesce(json_agg(q), '[]') FROM (${query}) q`));
  }

  async sqlExec(command) {
    await this.#psql('-c', command);
  }

  redis(...args) {
    return this.#inside('redis', 'redis-cli', ...args);
  }

  async broker(args, env = {}) {
    const words = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    await engine('exec', ...words, this.#id(await this.#someBroker()), 'kibray-broker', ...args);
  }

  /** Stop everything and remove the volumes. KIBRAY_KEEP=1 leaves it to be looked at. */
  async stop() {
    if (process.env.KIBRAY_KEEP === '1') {
      return;
    }
    await this.compose('down', '-v');
    if (this.#settings) {
      await rm(path.dirname(this.#settings), { recursive: true });
    }
  }
}

/** Start the system: { gateways, brokers, env }; two of each at least, as compose.yaml has them. */
export async function start({ gateways, brokers, env }) {
  const port = await freePort();
  const count = { gateways: Math.max(2, gateways), brokers: Math.max(2, brokers) };
  const system = new ComposeSystem(`kibray-test-${port}`, {
    ...process.env, ...env, KIBRAY_PORT: `${port}`, POSTGRES_PASSWORD: PASSWORD,
    KIBRAY_GATEWAYS: `${count.gateways}`, KIBRAY_BROKERS: `${count.brokers}`,
  });
  const url = `https://127.0.0.1:${port}`;
  system.info = { url, port, count, ws_url: url.replace('http', 'ws'), urls: Array(count.gateways).fill(url) };
  try {
    if (Object.keys(env).length > 0) {
      await system.writeSettings(await mkdtemp(path.join(tmpdir(), 'kibray-compose-')), env);
    }
    await system.up(count.gateways, count.brokers);
  } catch (error) {
    await system.stop();
    throw error;
  }
  return system;
}
