// SPDX-License-Identifier: MIT
// The customer's own WebSocketManager and OfflineQueue, unchanged, in a browser: they connect, come
// back after a gateway's restart, and send what they kept.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { ROOT, start, until } from './lib/system.mjs';
import { launch, newPerson, skipWeb } from './lib/web_pages.mjs';

let system, browser, page;
before(async () => {
  if (skipWeb) {
    return;
  }
  const source = await readFile(path.join(ROOT, 'tests/e2e/fixtures/customer_client.js'), 'utf8');
  browser = await launch();
  system = await start({ env: { DRAIN_SECONDS: '1' } });
  page = await (await newPerson(browser)).newPage();
  await page.goto(`${system.info.urls[0]}/healthz`);
  // Classes of one script are seen by the next ones, as in the customer's page.
  await page.evaluate(`${source}; window.WebSocketManager = WebSocketManager; window.OfflineQueue = OfflineQueue;`);
});
after(async () => {
  await browser?.close();
  await system?.stop();
});

const isOpen = () => page.evaluate(() => window.manager.socket.readyState === WebSocket.OPEN);

test('WebSocketManager: connects, sends, comes back after a graceful restart', { skip: skipWeb, timeout: 90_000 }, async () => {
  const token = await system.token('alice');
  await page.evaluate((url) => {
    window.manager = new window.WebSocketManager(url);
    window.manager.connect();
  }, `${system.info.urls[0].replace('http', 'ws')}/ws/chat/general/?token=${token}`);
  await until(isOpen, 10_000, 'open');
  const bob = await Client.chat(system, 'general', { user: 'bob' });
  await page.evaluate(() => window.manager.send({ type: 'chat_message', message: 'Hello, world!' }));
  assert.equal((await bob.next('chat_message')).message.content, 'Hello, world!');
  const gateways = system.parts('gateway');
  const gone = Promise.all(gateways.map((part) => system.terminate(part)));
  assert.equal((await bob.closed).code, 1006);            // what makes a client of his come back
  await until(async () => !await isOpen(), 10_000, 'closed');
  await gone;
  await Promise.all(gateways.map((part) => system.start(part)));
  await Promise.all(gateways.map((part) => system.ready(part)));
  await until(isOpen, 40_000, 'open again');
  const again = await Client.chat(system, 'general', { user: 'bob' });
  await page.evaluate(() => window.manager.send({ type: 'chat_message', message: 'Back again' }));
  assert.equal((await again.next('chat_message')).message.content, 'Back again');
  await again.close();
});

test('OfflineQueue: kept in localStorage, sent in order; its own key is passed over', { skip: skipWeb, timeout: 60_000 }, async () => {
  const bob = await Client.chat(system, 'general', { user: 'bob' });
  const kept = await page.evaluate(() => {
    const queue = new window.OfflineQueue();
    for (const message of ['one', 'two', 'three']) {
      queue.enqueue({ type: 'chat_message', message });
    }
    return JSON.parse(localStorage.getItem('offline_queue')).length;
  });
  assert.equal(kept, 3);
  await page.evaluate(() => new window.OfflineQueue().dequeueAll(window.manager.socket));
  const frames = await bob.count('chat_message', 3);
  assert.deepEqual(frames.map(({ message }) => message.content), ['one', 'two', 'three']);
  assert.deepEqual(Object.keys(frames[0].message), ['id', 'content', 'author', 'timestamp', 'channel_id', 'reply_to', 'attachments']);
  assert.equal(await page.evaluate(() => localStorage.getItem('offline_queue')), '[]');
  await bob.close();
});
