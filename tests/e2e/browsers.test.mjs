// SPDX-License-Identifier: MIT
// Two browsers on two gateways, signed in by the session cookie: notifications and status by the
// customer's own lines, and the counts on all sockets after each step.
// CHROMIUM: path of the browser. Skipped where there is none.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { start, until } from './lib/system.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const skip = existsSync(executablePath) ? false : `no browser at ${executablePath}`;
const SERVICE_KEY = 'a-key-between-services';

let system, browser;
before(async () => {
  if (!skip) {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    system = await start({ gateways: 2, brokers: 2, env: { SERVICE_KEY, SESSION_COOKIE_SECURE: '0' } });
  }
});
after(async () => {
  await browser?.close();
  await system?.stop();
});

/** A browser of its own in which somebody has logged in. */
async function signIn(user, gateway) {
  const context = await browser.newContext({ baseURL: system.info.urls[gateway], ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto('/healthz');
  const status = await page.evaluate(async (credentials) => (await fetch('/api/login/', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(credentials),
  })).status, { username: user, password: `${user}-password` });
  assert.equal(status, 200);
  return page;
}

/** Open a socket in the page as window[name], with all its frames in window[name].frames. */
async function open(page, name, path) {
  await page.evaluate(([key, where]) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${where}`);
    socket.frames = [];
    socket.onmessage = (event) => { socket.frames.push(JSON.parse(event.data)); resolve(); };
    socket.onclose = (event) => reject(new Error(`closed with ${event.code}`));
    window[key] = socket;
  }), [name, path]);
}

const frames = (page, name) => page.evaluate((key) => window[key].frames, name);
const last = async (page, name, type) => (await frames(page, name)).filter((frame) => frame.type === type).at(-1);
const count = (pages, wanted) => until(async () => (await Promise.all(pages.map((page) => last(page, 'socket', 'unread_count'))))
  .every((frame) => frame?.count === wanted), 15_000, `unread_count ${wanted} everywhere`);

test('notifications: the customer\'s lines, the counts right on every socket after each step', { skip }, async () => {
  const pages = [await signIn('alice', 0), await signIn('alice', 1)];
  for (const page of pages) {
    await open(page, 'socket', '/ws/notifications/');
  }
  await count(pages, 0);
  const ids = [];
  for (const wanted of [1, 2, 3]) {
    const answer = await system.http('/api/notifications/', {
      headers: { Authorization: `Api-Key ${SERVICE_KEY}` },
      body: {
        user_ids: [system.user('alice').id], title: 'New Task Assigned', message: 'You\'ve been assigned a new task',
        category: 'task', url: '/tasks/123',
      },
    });
    assert.equal(answer.status, 202);
    await count(pages, wanted);
    const told = await Promise.all(pages.map((page) => last(page, 'socket', 'notification')));
    assert.deepEqual(told[0], told[1]);
    const { id, created_at: createdAt, ...rest } = told[0].notification;
    assert.deepEqual(rest, {
      title: 'New Task Assigned', message: 'You\'ve been assigned a new task', category: 'task', url: '/tasks/123',
    });
    assert.match(createdAt, /Z$/);
    ids.push(id);
  }
  await pages[0].evaluate((notificationId) => {
    const { socket } = window;
    socket.send(JSON.stringify({
      type: 'mark_read',
      notification_id: notificationId,
    }));
  }, ids[0]);
  await count(pages, 2);
  await pages[1].evaluate((id) => window.socket.send(JSON.stringify({ type: 'dismiss', notification_id: id })), ids[1]);
  await count(pages, 1);
  const late = await signIn('alice', 1);
  await open(late, 'socket', '/ws/notifications/');
  await count([...pages, late], 1);
  await late.evaluate(() => window.socket.send(JSON.stringify({ type: 'mark_all_read' })));
  await count([...pages, late], 0);
  for (const page of [...pages, late]) {
    await page.context().close();
  }
});

test('status: the customer\'s lines', { skip }, async () => {
  const [alice, bob] = [await signIn('alice', 0), await signIn('bob', 1)];
  await open(alice, 'socket', '/ws/status/');
  await open(bob, 'socket', '/ws/status/');
  await open(bob, 'room', '/ws/chat/general/');
  for (const status of ['online', 'away', 'busy', 'offline']) {
    await alice.evaluate((wanted) => {
      const { socket } = window;
      socket.send(JSON.stringify({
        type: 'status_update',
        status: wanted,  // online, away, busy, offline
      }));
    }, status);
    for (const page of [alice, bob]) {
      await until(async () => {
        const told = (await frames(page, 'socket')).filter((f) => f.type === 'user_status' && f.user_id === system.user('alice').id).at(-1);
        return told?.status === status && /Z$/.test(told.last_seen);
      }, 15_000, `alice ${status}`);
    }
  }
  await alice.evaluate((channelId) => {
    const { socket } = window;
    socket.send(JSON.stringify({
      type: 'typing',
      channel_id: channelId,
      is_typing: true,
    }));
  }, system.channel('general').id);
  await until(async () => (await last(bob, 'room', 'typing'))?.is_typing === true, 15_000, 'typing shown');
  await alice.context().close();
  await until(async () => (await last(bob, 'socket', 'user_status'))?.status === 'offline', 15_000, 'offline');
  await bob.context().close();
});
