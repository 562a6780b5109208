// SPDX-License-Identifier: MIT
// The demo app when things go away: the network, the gateway, the token, the page itself.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { forgeToken } from './lib/credentials.mjs';
import { start, until } from './lib/system.mjs';
import { composer, enter, launch, message, newPerson, say, signIn, skipWeb, texts } from './lib/web_pages.mjs';
import { serveWeb } from './lib/web_server.mjs';

const pendingCount = (page) => page.locator('[data-pending]').count();
const storedInBrowser = (page) => page.evaluate(() => new Promise((resolve) => {
  const opening = indexedDB.open('kibray');
  opening.onsuccess = () => {
    const counting = opening.result.transaction('outbox').objectStore('outbox').count();
    counting.onsuccess = () => { opening.result.close(); resolve(counting.result); };
  };
}));
const nothingPending = (page) => until(async () => await pendingCount(page) === 0, 30_000, 'all sent');
const stored = (system, like) => system.sql(`SELECT m.content, u.username FROM chat_message m JOIN auth_user u ON u.id = m.author_id
  WHERE m.content LIKE '${like}' ORDER BY m.seq`);

describe('outages', { skip: skipWeb, concurrency: 1, timeout: 300_000 }, () => {
  let system, browser, web, person, alice, bob;

  before(async () => {
    browser = await launch();
    system = await start({ gateways: 2, env: { DRAIN_SECONDS: '1' } });
    web = await serveWeb(system);
    person = await newPerson(browser);
    alice = await person.newPage();
    bob = await (await newPerson(browser)).newPage();
    await signIn(alice, web.url, 'alice');
    await signIn(bob, web.url, 'bob');
    await enter(alice, 'general');
    await enter(bob, 'general');
  });
  after(async () => {
    await browser?.close();
    await web?.stop();
    await system?.stop();
  });

  test('the network is cut: what is said waits, survives a reload, and is sent once, in order, by one of two tabs', async () => {
    const second = await person.newPage();
    await second.goto(web.url);
    await enter(second, 'general');
    await say(alice, 'before the cut');
    await message(bob, 'before the cut').waitFor();
    web.cut();
    for (const text of ['cut 1', 'cut 2', 'cut 3']) {
      await say(alice, text);
    }
    await alice.getByText('You are offline.').waitFor();
    await alice.getByText('3 messages will be sent when you are back.').waitFor();
    await say(second, 'cut 4');
    await until(async () => await pendingCount(alice) === 4 && await pendingCount(second) === 4, 10_000, 'both tabs know all');
    web.restore();
    await nothingPending(alice);
    await nothingPending(second);
    await message(bob, 'cut 4').waitFor();
    const wanted = ['cut 1', 'cut 2', 'cut 3', 'cut 4'];
    for (const page of [alice, second, bob]) {
      assert.deepEqual((await texts(page)).filter((text) => text.startsWith('cut')), wanted);
    }
    assert.deepEqual((await stored(system, 'cut _')).map(({ content }) => content), wanted);
    await alice.getByText('You are offline.').waitFor({ state: 'hidden' });
    await second.close();
  });

  test('a reload while offline loses nothing', async () => {
    web.cut();
    await say(alice, 'kept 1');
    await say(alice, 'kept 2');
    await until(async () => await pendingCount(alice) === 2 && await storedInBrowser(alice) === 2, 5000, 'both wait');
    await alice.close();
    web.restore();
    alice = await person.newPage();
    await alice.goto(web.url);                 // no room is opened: the queue goes all the same
    await message(bob, 'kept 2').waitFor();
    assert.deepEqual((await stored(system, 'kept _')).map(({ content }) => content), ['kept 1', 'kept 2']);
    await enter(alice, 'general');
    assert.deepEqual((await texts(alice)).filter((text) => text.startsWith('kept')), ['kept 1', 'kept 2']);
    assert.equal(await pendingCount(alice), 0);
  });

  test('what waits in a room goes although one has left it for another', async () => {
    web.cut();
    await say(alice, 'left behind');
    await until(async () => await pendingCount(alice) === 1, 5000, 'it waits');
    await alice.locator('.channel', { hasText: 'random' }).first().click();
    web.restore();
    await message(bob, 'left behind').waitFor();
    await enter(alice, 'general');
    await message(alice, 'left behind').waitFor();
  });

  test('what others said meanwhile is there afterwards, in order, once', async () => {
    const other = await serveWeb(system, { gateway: 1 });
    const carol = await (await newPerson(browser)).newPage();
    await signIn(carol, other.url, 'carol');
    await enter(carol, 'general');
    web.cut();
    await alice.getByText('You are offline.').waitFor();
    for (let i = 1; i <= 5; i++) {
      await say(carol, `missed ${i}`);
      await message(carol, `missed ${i}`).waitFor();
    }
    web.restore();
    await alice.getByRole('button', { name: /Try/ }).click().catch(() => {});
    await message(alice, 'missed 5').waitFor();
    assert.deepEqual((await texts(alice)).filter((text) => text.startsWith('missed')), [1, 2, 3, 4, 5].map((i) => `missed ${i}`));
    await carol.close();
    await other.stop();
  });

  test('the gateway restarts: everybody comes back by itself, and goes on', async () => {
    await system.terminate('gateway');
    await say(alice, 'said to nobody');
    await system.start('gateway');
    await system.ready('gateway');
    await message(bob, 'said to nobody').waitFor({ timeout: 60_000 });
    await nothingPending(alice);
    await say(bob, 'and the answer');
    await message(alice, 'and the answer').waitFor({ timeout: 60_000 });
    assert.equal((await stored(system, 'said to nobody')).length, 1);
  });

  test('a gateway that is killed: nothing is lost, nothing comes twice', async () => {
    const said = Array.from({ length: 8 }, (_, i) => `killed ${i}`);
    for (const [i, text] of said.entries()) {
      await say(alice, text);
      if (i === 3) {
        await system.kill('gateway');
      }
    }
    await system.start('gateway');
    await system.ready('gateway');
    await message(bob, 'killed 7').waitFor({ timeout: 60_000 });
    await nothingPending(alice);
    assert.deepEqual((await stored(system, 'killed %')).map(({ content }) => content), said);
    assert.deepEqual((await texts(bob)).filter((text) => text.startsWith('killed')), said);
  });

  test('an upload goes on after a break', async () => {
    await alice.setInputFiles('input[type=file]', [{ name: 'large.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(9_000_000, 'kibray ') }]);
    await until(async () => (await alice.locator('.chip progress').getAttribute('value').catch(() => '0')) !== '0', 20_000, 'some of it');
    web.cut();
    await alice.locator('.chip', { hasText: 'Waiting' }).waitFor({ timeout: 5000 }).catch(() => {});
    web.restore();
    await alice.getByText('Ready,').waitFor({ timeout: 60_000 });
    await say(alice, 'after a break');
    await message(bob, 'after a break').locator('.file').waitFor();
    const [{ n, size }] = await system.sql(`SELECT count(*)::int AS n, max(file_size)::int AS size FROM chat_attachment WHERE file_name = 'large.bin'`);
    assert.deepEqual([n, size], [1, 9_000_000]);
  });

  test('an access token that has ended is replaced without anybody noticing', async () => {
    const ended = forgeToken(system.info.secret_key, { user_id: system.user('alice').id, exp: Math.floor(Date.now() / 1000) - 10 });
    await alice.evaluate((token) => {
      const key = Object.keys(localStorage).find((name) => name.startsWith('kibray:session:'));
      localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), access: token }));
    }, ended);
    web.requests.length = 0;
    await alice.reload();
    await enter(alice, 'general');
    await say(alice, 'with a new token');
    await message(bob, 'with a new token').waitFor();
    assert.ok(web.requests.includes('POST /api/token/refresh/'), web.requests.join('\n'));
  });

  test('a login that is over asks for a new one', async () => {
    await alice.evaluate(() => {
      const key = Object.keys(localStorage).find((name) => name.startsWith('kibray:session:'));
      localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), access: 'x.e30.y', refresh: 'x.e30.y' }));
    });
    await alice.reload();
    await alice.getByLabel('User name').waitFor();
  });

  test('a private channel of others is refused in words', async () => {
    await bob.goto(`${web.url}#/chat/board`);
    await bob.getByText('You may not enter this channel').waitFor();
    await bob.goto(`${web.url}#/chat/nowhere`);
    await bob.getByText('There is no such channel').waitFor();
    assert.equal(await composer(bob).count(), 0);
  });
});
