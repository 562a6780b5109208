// SPDX-License-Identifier: MIT
// The dashboard for staff, and the service worker: the app without a network, pushes.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { seriousProblems } from './lib/accessibility.mjs';
import { Client } from './lib/client.mjs';
import { start, until } from './lib/system.mjs';
import { enter, launch, newPerson, signIn, skipWeb } from './lib/web_pages.mjs';
import { DIST, serveWeb } from './lib/web_server.mjs';

describe('staff and worker', { skip: skipWeb, concurrency: 1, timeout: 180_000 }, () => {
  let system, browser, web, admin;
  before(async () => {
    browser = await launch();
    system = await start();
    web = await serveWeb(system, { prefix: '/kibray/' });
  });
  after(async () => {
    await browser?.close();
    await web?.stop();
    await system?.stop();
  });

  test('the figures of a running system, sorted and drawn', async () => {
    const clients = [await Client.chat(system, 'general', { user: 'alice' }), await Client.chat(system, 'random', { user: 'bob' }),
      await Client.chat(system, 'general', { user: 'bob' })];
    clients[0].send({ type: 'nonsense' });
    await clients[0].next('error');
    await clients[0].say('one for the figures');
    const person = await newPerson(browser);
    admin = await person.newPage();
    await signIn(admin, web.url, 'admin');
    await admin.getByRole('button', { name: /Your menu/ }).click();
    await admin.getByRole('link', { name: 'Dashboard' }).click();
    await admin.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
    const table = admin.getByRole('region', { name: 'By channel', exact: true });
    const row = (name) => table.getByRole('row').filter({ hasText: name });
    await until(async () => /general\s*2/.test(await row('general').textContent().catch(() => '')), 40_000, 'two in general');
    await until(async () => (await admin.locator('.chart canvas').count()) >= 3, 10_000, 'charts');
    await admin.locator('.kinds', { hasText: 'INVALID_MESSAGE' }).waitFor({ timeout: 20_000 });
    const names = () => table.locator('tbody th').allTextContents();
    await table.getByRole('button', { name: 'Channel' }).click();
    assert.deepEqual(await names(), [...await names()].sort());
    await admin.getByRole('button', { name: '7 days' }).click();
    assert.deepEqual(await seriousProblems(admin), []);
    await admin.emulateMedia({ colorScheme: 'dark' });
    assert.deepEqual(await seriousProblems(admin), []);
    assert.deepEqual(person.problems, []);
    for (const client of clients) {
      await client.close();
    }
  });

  test('where there are none, or one is no staff, it says so', async () => {
    web.answers.set('/api/websocket/metrics/', () => ({ status: 404, body: { detail: '', code: 'not_found' } }));
    await admin.reload();
    await admin.getByText('There are no figures here').waitFor();
    web.answers.clear();
    const alice = await (await newPerson(browser)).newPage();
    await signIn(alice, `${web.url}#/dashboard`, 'alice');
    await alice.getByText('The dashboard is for staff').waitFor();
  });

  test('the dashboard is no burden for those who chat', async () => {
    const page = await (await newPerson(browser)).newPage();
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await signIn(page, web.url, 'alice');
    await enter(page, 'general');
    assert.equal(asked.filter((url) => /assets\/dashboard/.test(url)).length, 0);
  });

  test('everything that compresses is there compressed, under names with a hash', () => {
    const files = readdirSync(path.join(DIST, 'assets'));
    assert.ok(files.filter((name) => /\.(js|css)$/.test(name)).every((name) => /-[\w-]{8}\.(js|css)$/.test(name)));
    for (const name of [...files.filter((file) => /\.(js|css)$/.test(file)).map((file) => `assets/${file}`), 'index.html', 'sw.js']) {
      assert.ok(existsSync(path.join(DIST, `${name}.gz`)) && existsSync(path.join(DIST, `${name}.br`)), name);
    }
  });

  test('the app opens without a network, a push is shown, a click on it leads to the chat', async () => {
    const person = await newPerson(browser, { serviceWorkers: 'allow', permissions: ['notifications'] });
    const page = await person.newPage();
    await signIn(page, web.url, 'alice');
    await enter(page, 'general');
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.reload();                              // now the worker is asked
    await until(() => page.evaluate(() => navigator.serviceWorker.controller !== null), 10_000, 'in charge');
    web.cut();
    await page.reload();
    await page.getByRole('navigation', { name: 'Channels and people' }).waitFor();
    web.restore();
    await page.locator('.messages').waitFor({ timeout: 30_000 });

    const session = await person.newCDPSession(page);
    const registrations = [];
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: list }) => registrations.push(...list));
    await session.send('ServiceWorker.enable');
    await until(() => registrations.length > 0, 5000, 'the registration');
    const channel = system.channel('random').id;
    await session.send('ServiceWorker.deliverPushMessage', {
      origin: new URL(web.url).origin, registrationId: registrations.at(-1).registrationId,
      data: JSON.stringify({ title: 'New Message', body: 'Come here', tag: 'chat-2', data: { notification_id: '1', category: 'chat', url: `/chat/${channel}` } }),
    });
    const shown = () => page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications())
      .map(({ title, body, tag }) => ({ title, body, tag })));
    await until(async () => (await shown()).length === 1, 10_000, 'shown');
    assert.deepEqual(await shown(), [{ title: 'New Message', body: 'Come here', tag: 'chat-2' }]);
    const [worker] = person.serviceWorkers();
    await worker.evaluate(async () => {
      const [notification] = await self.registration.getNotifications();
      self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
    });
    await page.getByRole('heading', { level: 1, name: 'random' }).waitFor();
    assert.deepEqual(await shown(), []);
  });
});
