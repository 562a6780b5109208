// SPDX-License-Identifier: MIT
// What an operator sees and does: metrics and health, the streams in Redis, the dev script's own
// promises, and brokers that go away, sleep and return.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { ROOT, System, onlyHere, run, start, until } from './lib/system.mjs';

const PARTITIONS = 16;

/** The samples of a Prometheus text: { 'name{labels}': value }. */
function parseMetrics(text) {
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')),
    Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

async function metricsOf(url) {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^text\/plain/);
  return parseMetrics(await response.text());
}

describe('one system', { skip: onlyHere }, () => {
  let system;
  before(async () => {
    system = await start();
  });
  after(() => system.stop());

  test('status --json has all that other tools rely on', async () => {
    const status = await system.status();
    const port = Number(new URL(status.url).port);
    assert.deepEqual(Object.keys(status).sort(), ['channels', 'database_url', 'metrics', 'pids', 'redis_url',
      'secret_key', 'service_key', 'url', 'urls', 'users', 'ws_url']);
    assert.deepEqual(status.urls, [status.url]);
    assert.equal(status.ws_url, `ws://127.0.0.1:${port}`);
    assert.deepEqual(status.metrics, [`http://127.0.0.1:${port + 100}/metrics`, `http://127.0.0.1:${port + 150}/metrics`]);
    assert.deepEqual(status.users.map((user) => [user.username, user.password, user.is_staff]),
      ['alice', 'bob', 'carol', 'admin'].map((name) => [name, `${name}-password`, name === 'admin']));
    const id = (name) => status.users.find((user) => user.username === name).id;
    assert.deepEqual(status.channels.map((channel) => [channel.name, channel.is_private, channel.members]), [
      ['general', false, []], ['random', false, []], ['leads', true, [id('alice'), id('bob')]],
      ['board', true, [id('carol'), id('admin')]]]);
    for (const pid of Object.values(status.pids).flat()) {
      process.kill(pid, 0);
    }
  });

  test('the metrics count what happens', async () => {
    const [gatewayUrl, brokerUrl] = system.info.metrics;
    const was = await metricsOf(gatewayUrl);
    const client = await Client.chat(system, 'general', { user: 'alice' });
    await client.say('one');
    await client.say('two');
    client.send('not json');
    client.send({ type: 'nobody knows this' });
    await client.count('error', 2);
    const is = await metricsOf(gatewayUrl);
    const grown = (name) => (is[name] ?? 0) - (was[name] ?? 0);
    assert.equal(grown('websocket_connections_total'), 1);
    assert.equal(grown('websocket_messages_total{type="chat_message"}'), 2);
    assert.equal(grown('websocket_messages_total{type="invalid"}'), 2);
    assert.equal(grown('websocket_message_latency_seconds_count'), 2);
    assert.ok(grown('websocket_message_latency_seconds_sum') > 0);
    assert.ok(grown('websocket_message_latency_seconds_bucket{le="+Inf"}') === 2);
    assert.deepEqual(await metricsOf(`${system.info.url}/metrics`).then(Object.keys), Object.keys(is));
    const broker = await metricsOf(brokerUrl);
    assert.ok(broker.broker_entry_age_seconds_count >= 3, `${broker.broker_entry_age_seconds_count}`);
    assert.equal(broker['broker_entry_age_seconds_bucket{le="5"}'], broker.broker_entry_age_seconds_count);
    await client.close();
  });

  test('healthz and readyz on both ports', async () => {
    const places = [system.info.url, ...system.info.metrics.map((url) => new URL(url).origin)];
    for (const place of places) {
      for (const name of ['healthz', 'readyz']) {
        assert.equal((await fetch(`${place}/${name}`)).status, 200, `${place}/${name}`);
      }
    }
  });

  test('the group "broker" of each input stream shows that nothing is left over', async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    await client.say('to be read');
    const caughtUp = async (partition) => {
      const groups = await system.redis('--json', 'XINFO', 'GROUPS', `kb:in:{${partition}}`);
      const [group] = JSON.parse(groups);
      const stream = JSON.parse(await system.redis('--json', 'XINFO', 'STREAM', `kb:in:{${partition}}`));
      assert.equal(group.name, 'broker');
      return group['last-delivered-id'] === stream['last-generated-id'];
    };
    let streams = 0;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      if (await system.redis('EXISTS', `kb:in:{${partition}}`) === '1') {
        streams++;
        await until(() => caughtUp(partition), 10_000, `partition ${partition}`);
      }
    }
    assert.ok(streams > 0);
    await client.close();
  });

  test('tools/peek shows envelopes as JSON', async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    await client.say('look at me');
    const keys = (await system.redis('--scan', '--pattern', 'kb:out:*')).split('\n');
    const result = await run(path.join(ROOT, 'tools/peek'), ['-u', system.info.redis_url, keys[0], '100']);
    assert.equal(result.code, 0, result.stderr);
    const lines = result.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.ok(lines.some((line) => JSON.stringify(line).includes('look at me')));
    await client.close();
  });

  test('no broker: SERVICE_UNAVAILABLE after 5 s at the latest, nothing stored, and service again after', async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    await system.kill('broker');
    const from = Date.now();
    client.sendChat('nobody there', { client_id: 'unserved' });
    const error = await client.next('error', 10_000);
    assert.equal(error.code, 'SERVICE_UNAVAILABLE');
    assert.equal(error.client_id, 'unserved');
    assert.ok(Date.now() - from < 6500, `${Date.now() - from} ms`);
    await system.start('broker');
    await system.ready('broker');
    await until(() => client.say('back again').catch(() => null), 30_000, 'service');
    assert.ok(client.isOpen);
    assert.deepEqual(await system.sql('SELECT * FROM chat_message WHERE client_id = \'unserved\''), []);
    await client.close();
  });

  test('a gateway without Redis is alive and not ready', async () => {
    await system.kill('redis');
    await until(async () => (await fetch(`${system.info.url}/readyz`)).status === 503, 20_000, 'not ready');
    assert.equal((await fetch(`${system.info.url}/healthz`)).status, 200);
    await system.start('redis');
    await system.ready('gateway');
    const client = await until(() => Client.chat(system, 'general', { user: 'bob' }).catch(() => null), 30_000, 'a socket');
    await until(() => client.say('after Redis').catch(() => null), 30_000, 'service');
    await client.close();
  });

  test('SIGTERM ends a gateway and a broker in good order', async () => {
    const client = await Client.chat(system, 'general', { user: 'bob' });
    await system.terminate('gateway');
    assert.notEqual((await client.closed).code, 1000);
    await system.terminate('broker');
    await system.start('broker');
    await system.start('gateway');
    await system.ready('gateway');
  });
});

describe('two brokers', () => {
  let system;
  let clients;
  before(async () => {
    system = await start({ gateways: 2, brokers: 2, env: { WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0' } });
    clients = await Promise.all([0, 1].flatMap((gateway) => ['general', 'random', 'leads']
      .map((room) => Client.chat(system, room, { user: 'alice', gateway }))));
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await system.stop();
  });

  /** Every client says something until it is acknowledged under the same client_id. */
  const everybodySays = (label) => Promise.all(clients.map((client, index) => {
    const extra = { client_id: `${label}-${index}` };
    return until(async () => {
      client.sendChat(label, extra);
      const answer = await client.next((frame) => frame.client_id === extra.client_id, 10_000);
      return answer.type === 'chat_message';
    }, 60_000, `${label} of client ${index}`);
  }));

  /** Stored once each, and shown once to every socket of the room, in order and without gaps. */
  const assertOnce = async (label) => {
    const rows = await system.sql(`SELECT client_id, channel_id, seq FROM chat_message
      WHERE client_id LIKE '${label}-%' ORDER BY seq`);
    assert.equal(rows.length, clients.length);
    for (const client of clients) {
      const last = Math.max(...rows.filter((row) => row.channel_id === client.hello.channel_id).map((row) => row.seq));
      await client.count((frame) => frame.seq === last && frame.type === 'chat_message', 1);
      const firsts = new Map();
      for (const frame of client.frames.filter(({ type }) => type === 'chat_message')) {
        // A sender's own repeat brings the first copy again; everything else comes once.
        const isRepeat = firsts.has(frame.seq) && frame.message.author.id === client.hello.user_id;
        assert.ok(isRepeat || !firsts.has(frame.seq), `seq ${frame.seq} twice`);
        firsts.set(frame.seq, frame);
      }
      const seqs = [...firsts.keys()];
      assert.deepEqual(seqs, seqs.map((_, i) => client.hello.seq + 1 + i));
    }
  };

  test('killing and starting all brokers closes no socket', async () => {
    await Promise.all(['broker', 'broker2'].map((part) => system.kill(part)));
    await Promise.all(['broker', 'broker2'].map((part) => system.start(part)));
    await Promise.all(['broker', 'broker2'].map((part) => system.ready(part)));
    await everybodySays('killed');
    assert.ok(clients.every((client) => client.isOpen));
    await assertOnce('killed');
  });

  test('restarting all brokers in good order closes no socket', async () => {
    for (const part of ['broker', 'broker2']) {
      await system.terminate(part);
      await system.start(part);
      await system.ready(part);
    }
    await everybodySays('restarted');
    assert.ok(clients.every((client) => client.isOpen));
    await assertOnce('restarted');
  });

  test('a broker that slept past its lease is fenced: nothing is stored or shown twice', async () => {
    const leases = async () => (await Promise.all(Array.from({ length: PARTITIONS },
      (_, p) => system.redis('GET', `kb:lease:{${p}}`)))).map((owner) => owner.split('.')[0]);
    await until(async () => new Set(await leases()).size === 2, 30_000, 'both own partitions');
    const saying = everybodySays('before');
    await system.signal('broker', 'SIGSTOP');
    await until(async () => new Set(await leases()).size === 1, 60_000, 'one owns all');
    await saying;
    await everybodySays('asleep');
    await system.signal('broker', 'SIGCONT');
    await everybodySays('awake');
    await until(async () => new Set(await leases()).size === 2, 30_000, 'both own partitions again');
    await everybodySays('again');
    assert.ok(clients.every((client) => client.isOpen));
    for (const label of ['before', 'asleep', 'awake', 'again']) {
      await assertOnce(label);
    }
  });
});

describe('the dev script', { skip: onlyHere }, () => {
  let system;
  before(async () => {
    system = await start();
  });
  after(() => system.stop());

  test('a second run in the same folder, and on a taken port, says what is wrong', async () => {
    const again = await system.dev('run', '--detach', '--no-build');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /runs in .* already/);
    const folder = await mkdtemp(path.join(tmpdir(), 'kibray-e2e-'));
    const other = new System(folder, system.environment);
    const taken = await other.dev('run', '--detach', '--no-build', '--port', `${system.info.port}`);
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, new RegExp(`port ${system.info.port} for gateway is taken`));
    const far = await other.dev('run', '--detach', '--no-build', '--port', `${system.info.port + 80}`);
    assert.equal(far.code, 1);
    assert.match(far.stderr, new RegExp(`port ${system.info.port + 180} for .* is taken`));
    await rm(folder, { recursive: true });
  });

  test('two systems side by side know nothing of each other', async () => {
    const other = await start();
    try {
      assert.notEqual(other.info.secret_key, system.info.secret_key);
      const foreign = await system.token('alice');
      await assert.rejects(Client.chat(other, 'general', { token: foreign }), /AUTHENTICATION_FAILED/);
      const [a, b] = await Promise.all([system, other].map((s) => Client.chat(s, 'general', { user: 'alice' })));
      await a.say('here');
      await b.barrier();
      assert.ok(b.frames.every((frame) => frame.message?.content !== 'here'));
      await Promise.all([a.close(), b.close()]);
    } finally {
      await other.stop();
    }
    assert.equal((await fetch(`${system.info.url}/healthz`)).status, 200);
  });

  test('kill and start tell whether there is something to do', async () => {
    assert.match((await system.dev('start', 'gateway')).stderr, /runs already/);
    assert.match((await system.dev('kill', 'gateway9')).stderr, /no part gateway9/);
    await system.kill('gateway');
    assert.match((await system.dev('kill', 'gateway')).stderr, /does not run/);
    assert.deepEqual((await system.status()).pids.gateway, []);
    await system.start('gateway');
    await system.ready('gateway');
  });

  test('what was stored is there after stop and run; old users stay', async () => {
    const client = await Client.chat(system, 'general', { user: 'alice' });
    const { seq } = await client.say('remember this');
    await client.close();
    assert.equal((await system.dev('stop')).code, 0);
    assert.match((await system.dev('stop')).stdout, /Nothing runs/);
    const again = await system.dev('run', '--detach', '--no-build', '--port', `${system.info.port}`);
    assert.equal(again.code, 0, again.stderr);
    const status = await system.status();
    assert.deepEqual([status.users, status.channels, status.secret_key],
      [system.info.users, system.info.channels, system.info.secret_key]);
    const later = await Client.chat(system, 'general', { user: 'alice' });
    assert.equal(later.hello.seq, seq);
    await later.close();
  });

  test('a stale pid file never gets a foreign process killed', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'kibray-e2e-'));
    const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
    await mkdir(path.join(folder, 'run'));
    for (const stamp of [`${bystander.pid} 1 no-such-boot`, `${bystander.pid}`, 'rubbish', '']) {
      await writeFile(path.join(folder, 'run/gateway.argv'), 'sleep\u0000600\u0000');
      await writeFile(path.join(folder, 'run/gateway.pid'), stamp);
      const stale = new System(folder, system.environment);
      assert.match((await stale.dev('stop')).stdout, /Nothing runs/);
      assert.match((await stale.dev('kill', 'gateway')).stderr, /does not run/);
      assert.equal(bystander.exitCode ?? bystander.signalCode, null);
    }
    bystander.kill();
    await rm(folder, { recursive: true });
  });
});

describe('the programs say', () => {
  for (const name of ['kibray-gateway', 'kibray-broker']) {
    test(`${name} --version and --help`, async () => {
      const program = path.join(process.env.KIBRAY_BUILD ?? path.join(ROOT, 'build'), 'bin', name);
      const version = await run(program, ['--version']);
      assert.match(version.stdout, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\\n$`));
      const help = await run(program, ['--help']);
      assert.equal(help.code, 0);
      assert.match(help.stdout, /--redis-url/);
    });
  }
});
