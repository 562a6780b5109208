// SPDX-License-Identifier: MIT
// Two people in two browsers of their own do everything that the demo app can do with a chat.
// Served below a path prefix, as a site of several parts would.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { seriousProblems } from './lib/accessibility.mjs';
import { start, until } from './lib/system.mjs';
import { composer, enter, launch, message, newPerson, say, signIn, skipWeb, texts } from './lib/web_pages.mjs';
import { serveWeb } from './lib/web_server.mjs';

const SERVICE_KEY = 'a-key-between-services';
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

describe('the demo app', { skip: skipWeb, concurrency: 1, timeout: 240_000 }, () => {
  let system, browser, web, aliceBrowser, bobBrowser, alice, bob;

  before(async () => {
    browser = await launch();
    system = await start({ gateways: 1, env: { SERVICE_KEY, USER_RATE_LIMIT: '0', WEBSOCKET_RATE_LIMIT: '100000' } });
    web = await serveWeb(system, { prefix: '/tools/chat/' });
    aliceBrowser = await newPerson(browser);
    bobBrowser = await newPerson(browser);
    alice = await aliceBrowser.newPage();
    bob = await bobBrowser.newPage();
  });
  after(async () => {
    await browser?.close();
    await web?.stop();
    await system?.stop();
  });

  test('a wrong password is told, the right one opens', async () => {
    await alice.goto(web.url);
    assert.deepEqual(await seriousProblems(alice), []);
    await alice.getByLabel('User name').fill('alice');
    await alice.getByLabel('Password').fill('wrong');
    await alice.keyboard.press('Enter');
    await alice.getByText('do not fit together').waitFor();
    await signIn(alice, web.url, 'alice');
    await signIn(bob, web.url, 'bob');
    await enter(alice, 'general');
    await enter(bob, 'general');
  });

  test('messages both ways, grouped; the list of channels follows', async () => {
    await say(alice, 'Hello Bob');
    await message(bob, 'Hello Bob').waitFor();
    await say(bob, 'Hello Alice');
    await say(bob, 'How are you?\nWell, I hope');
    await message(alice, 'How are you?').waitFor();
    assert.deepEqual(await texts(alice), ['Hello Bob', 'Hello Alice', 'How are you?\nWell, I hope']);
    assert.equal(await alice.locator('.message.starts-run').count(), 2);
    await alice.locator('.channel', { hasText: 'bob: How are you?' }).waitFor();
    assert.equal(await alice.locator('.day').count(), 1);
  });

  test('markup and scripts are shown as typed, and nothing of them runs', async () => {
    const nasty = [
      '<b>bold</b> & "quoted" <i', '<img src=x>', '<svg><animate attributeName=href values=1>', '<a href="https://x.example">x</a>',
      '{{7*7}} ${7*7} %3Cscript%3E', '</textarea><style>*{display:none}</style>', '<math><mtext></mtext></math>', '&lt;b&gt;',
    ];
    await alice.evaluate(() => { window.alert = () => { window.wasRun = true; }; });
    await bob.evaluate(() => { window.alert = () => { window.wasRun = true; }; });
    for (const text of nasty) {
      await say(alice, text);
    }
    await say(alice, '<script>alert(1)</script>gone <img src=x onerror=alert(1)> <a href="javascript:alert(1)">x</a>');
    await until(async () => (await texts(bob)).length === 3 + nasty.length + 1, 20_000, 'all there');
    const shown = await texts(bob);
    assert.deepEqual(shown.slice(3, 3 + nasty.length), nasty);
    assert.equal(shown.at(-1), 'gone <img src=x alert(1)> <a href="alert(1)">x</a>');
    for (const page of [alice, bob]) {
      assert.equal(await page.evaluate(() => window.wasRun), undefined);
      assert.equal(await page.locator('.message-text :not(span, a.nothing)').filter({ hasNot: page.locator('svg') }).evaluateAll(
        (all) => all.filter((one) => !(one.tagName === 'A' && one.href.startsWith('https://x.example'))).length), 0);
    }
  });

  test('addresses are links that tell nothing of where they are clicked', async () => {
    await say(alice, 'See https://example.org/a?b=c, or javascript:void(0).');
    const link = message(bob, 'See https://').locator('a');
    await link.waitFor();
    assert.equal(await link.getAttribute('href'), 'https://example.org/a?b=c');
    assert.match(await link.getAttribute('rel'), /noopener noreferrer/);
    assert.equal(await link.count(), 1);
  });

  test('typing is seen and ends', async () => {
    await composer(bob).pressSequentially('I am', { delay: 20 });
    await alice.getByText('bob is typing…').waitFor();
    await composer(bob).fill('');
    await alice.getByText('bob is typing…').waitFor({ state: 'hidden', timeout: 8000 });
  });

  test('a reply quotes; a click on the quote goes there', async () => {
    const first = message(bob, 'Hello Bob');
    await first.hover();
    await first.getByRole('button', { name: 'Reply' }).click();
    await bob.getByText('Reply to alice').waitFor();
    await say(bob, 'This is the answer');
    const answer = message(alice, 'This is the answer');
    await answer.waitFor();
    assert.equal(await answer.locator('.quote-text').textContent(), 'Hello Bob');
    await answer.locator('.quote').click();
    await alice.locator('.message.is-lit', { hasText: 'Hello Bob' }).waitFor();
  });

  test('one edits and deletes one\'s own, by keyboard too', async () => {
    await say(alice, 'A mistke');
    await message(bob, 'A mistke').waitFor();
    await composer(alice).press('ArrowUp');
    await alice.getByText('Editing your message').waitFor();
    await composer(alice).fill('No mistake');
    await composer(alice).press('Enter');
    await message(bob, 'No mistake').getByText('(edited)').waitFor();
    assert.equal(await message(bob, 'No mistake').getByRole('button', { name: 'Edit' }).count(), 0);
    const own = message(alice, 'No mistake');
    await own.focus();
    await alice.keyboard.press('d');
    await alice.getByRole('dialog').getByText('cannot be brought back').waitFor();
    assert.deepEqual(await seriousProblems(alice), []);
    await alice.getByRole('button', { name: 'Delete', exact: true }).last().click();
    await until(async () => (await texts(bob)).at(-1) === 'Message deleted', 10_000, 'deleted');
    assert.equal(await message(bob, 'No mistake').count(), 0);
  });

  test('a read receipt comes when the other has seen it', async () => {
    await say(alice, 'Have you seen this?');
    await alice.getByText('Seen by bob').waitFor();
  });

  test('mentions complete by keyboard and are marked', async () => {
    await composer(alice).pressSequentially('Ask @bo', { delay: 10 });
    await alice.getByRole('option', { name: '@bob' }).waitFor();
    assert.deepEqual(await seriousProblems(alice), []);
    await alice.keyboard.press('Tab');
    assert.equal(await composer(alice).inputValue(), 'Ask @bob ');
    await composer(alice).pressSequentially('please');
    await alice.keyboard.press('Enter');
    await bob.locator('.mention-me', { hasText: '@bob' }).waitFor();
  });

  test('files: chosen, dropped and pasted; images have a preview; the download is the file', async () => {
    await alice.setInputFiles('input[type=file]', [{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('the notes '.repeat(60_000)) }]);
    await alice.getByText('Ready,').waitFor({ timeout: 20_000 });
    await alice.evaluate((base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));
      const place = document.querySelector('.chat-column');
      for (const type of ['dragenter', 'dragover']) {
        place.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
      }
    }, PNG);
    await alice.getByText('Drop files to send them').waitFor();
    await alice.evaluate((base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));
      document.querySelector('.chat-column').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer }));
      const pasted = new DataTransfer();
      pasted.items.add(new File(['pasted'], 'pasted.txt', { type: 'text/plain' }));
      document.querySelector('.composer textarea').dispatchEvent(
        new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: pasted }));
    }, PNG);
    await until(async () => (await alice.getByText('Ready,').count()) === 3, 20_000, 'three files ready');
    await say(alice, 'Three files');
    const there = message(bob, 'Three files');
    await there.locator('.image img').waitFor();
    assert.equal(await there.locator('.file').count(), 2);
    const [download] = await Promise.all([bob.waitForEvent('download'), there.getByRole('button', { name: /Download notes.txt/ }).click()]);
    assert.equal(download.suggestedFilename(), 'notes.txt');
    const chunks = [];
    for await (const chunk of await download.createReadStream()) {
      chunks.push(chunk);
    }
    assert.equal(Buffer.concat(chunks).toString(), 'the notes '.repeat(60_000));
    await there.getByRole('button', { name: /Show the image/ }).click();
    await bob.getByRole('dialog', { name: 'dropped.png' }).locator('img').waitFor();
    await bob.keyboard.press('Escape');
    assert.equal(await bob.getByRole('dialog').count(), 0);
    await alice.setInputFiles('input[type=file]', [{ name: 'evil.exe', mimeType: 'application/x-msdownload', buffer: Buffer.from('MZ') }]);
    await alice.locator('.chip-failed').waitFor();
    await alice.getByRole('button', { name: 'Remove evil.exe' }).click();
  });

  test('the status is chosen and seen by others', async () => {
    await bob.getByRole('button', { name: /Your menu/ }).click();
    await bob.locator('.user-menu').getByText('Busy', { exact: true }).click();
    await alice.locator('.channel', { hasText: 'bob' }).locator('.dot-busy').waitFor();
    await bob.getByRole('button', { name: /Your menu, bob, Busy/ }).click();
    assert.deepEqual(await seriousProblems(bob), []);
    await bob.locator('.user-menu').getByText('Online', { exact: true }).click();
    await alice.locator('.channel', { hasText: 'bob' }).locator('.dot-online').first().waitFor();
  });

  test('notifications: the toast, the count, the list, read and dismissed', async () => {
    await system.http('/api/notifications/', {
      headers: { Authorization: `Api-Key ${SERVICE_KEY}` },
      body: { user_ids: [system.user('alice').id], title: 'New Task <b>', message: 'It is yours.', category: 'task', url: '/tasks/123' },
    });
    await alice.locator('.toast', { hasText: 'New Task' }).waitFor();
    await alice.getByRole('button', { name: 'Notifications, 1 unread' }).click();
    await alice.locator('.bell-item', { hasText: 'It is yours.' }).waitFor();
    assert.deepEqual(await seriousProblems(alice), []);
    await alice.getByRole('button', { name: 'Mark all as read' }).click();
    await alice.getByRole('button', { name: 'Notifications', exact: true }).first().waitFor();
    await alice.getByRole('button', { name: /^Dismiss/ }).click();
    await alice.getByText('You are up to date.').waitFor();
    await alice.keyboard.press('Escape');
  });

  test('a direct message makes a channel; its notification leads there', async () => {
    await bob.locator('.channel', { hasText: 'alice' }).last().click();
    await composer(bob).waitFor();
    await say(bob, 'Between the two of us');
    await alice.locator('.toast', { hasText: 'New Message' }).getByRole('link', { name: 'Open' }).click();
    await message(alice, 'Between the two of us').waitFor();
    await alice.getByRole('heading', { level: 1, name: 'bob' }).waitFor();
    await alice.getByRole('button', { name: 'Notifications', exact: true }).waitFor();
    await enter(alice, 'general');
    await enter(bob, 'general');
  });

  test('search finds and jumps, also far back; older pages come by scrolling', async () => {
    await system.sqlExec(`INSERT INTO chat_message (channel_id, id, seq, author_id, created_at, entry_ms, entry_seq, entry_partition, entry_index, content)
      SELECT c.id, nextval('chat_message_id_seq'), c.last_seq + i, ${system.user('carol').id}, now() - (400 - i) * interval '1 minute', 0, 0, 0, 0,
        CASE WHEN i = 3 THEN 'the needle in it' ELSE 'hay ' || i END FROM chat_channel c, generate_series(1, 300) i WHERE c.name = 'random' ORDER BY i;
      UPDATE chat_channel SET last_seq = last_seq + 300 WHERE name = 'random'`);
    await alice.locator('.channel', { hasText: 'random' }).locator('.badge').waitFor({ timeout: 20_000 });
    await enter(alice, 'random');
    await message(alice, 'hay 300').waitFor();
    assert.equal(await alice.locator('.unread-line').count(), 1);
    const bottom = () => alice.locator('.messages').evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);
    assert.ok(await bottom() < 5);
    const before = await alice.locator('[data-message]').count();
    const place = await alice.locator('.messages').evaluate((element) => {
      element.scrollTop = 300;
      return [...element.querySelectorAll('[data-message]')].find((one) => one.getBoundingClientRect().top > 100).dataset.message;
    });
    const topOf = (id) => alice.locator(`[data-message="${id}"]`).evaluate((one) => Math.round(one.getBoundingClientRect().top));
    const top = await topOf(place);
    await until(async () => (await alice.locator('[data-message]').count()) > before, 10_000, 'an older page');
    assert.ok(Math.abs(await topOf(place) - top) <= 2, 'what is read does not move');
    await alice.getByRole('button', { name: 'To the newest' }).click();
    await until(async () => await bottom() < 5, 5000, 'at the end');
    await alice.getByRole('button', { name: 'Search in this channel' }).click();
    await alice.getByLabel('Words to find').fill('needle');
    await alice.locator('.search-results button').click();
    await alice.locator('.message.is-lit', { hasText: 'the needle in it' }).waitFor({ timeout: 20_000 });
    assert.deepEqual(await seriousProblems(alice), []);
    await alice.getByRole('button', { name: 'Close the search' }).click();
  });

  test('by keyboard: find a channel, write, walk through the messages', async () => {
    await bob.keyboard.press('Control+k');
    await bob.keyboard.type('rand');
    await bob.keyboard.press('Enter');
    await bob.getByRole('heading', { level: 1, name: 'random' }).waitFor();
    await until(() => bob.evaluate(() => document.activeElement?.tagName === 'TEXTAREA'), 5000, 'focus in the composer');
    await bob.keyboard.type('typed blindly');
    await bob.keyboard.press('Enter');
    await message(bob, 'typed blindly').waitFor();
    await bob.locator('.messages').focus();
    await bob.keyboard.press('ArrowUp');
    assert.match(await bob.evaluate(() => document.activeElement.textContent), /typed blindly/);
    await bob.keyboard.press('r');
    await bob.getByText('Reply to bob').waitFor();
    await bob.keyboard.press('Escape');
  });

  test('dark, light, and a phone: nothing that axe-core finds serious', async () => {
    for (const colorScheme of ['dark', 'light']) {
      await alice.emulateMedia({ colorScheme });
      assert.deepEqual(await seriousProblems(alice), [], colorScheme);
    }
    await alice.getByRole('button', { name: /Your menu/ }).click();
    await alice.getByText('Dark', { exact: true }).click();
    assert.equal(await alice.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(19, 22, 25)');
    await alice.keyboard.press('Escape');
    await alice.setViewportSize({ width: 375, height: 700 });
    assert.equal(await alice.locator('.sidebar').isVisible(), false);
    assert.ok(await alice.evaluate(() => document.documentElement.scrollWidth <= 375));
    await alice.getByRole('link', { name: 'Back to the channels' }).click();
    await alice.locator('.sidebar').waitFor();
    assert.deepEqual(await seriousProblems(alice), []);
  });

  test('signing out ends everything, in the other tab too', async () => {
    const other = await bobBrowser.newPage();
    await other.goto(web.url);
    await other.getByRole('navigation', { name: 'Channels and people' }).waitFor();
    await bob.getByRole('button', { name: /Your menu/ }).click();
    await bob.getByRole('button', { name: 'Sign out' }).click();
    await bob.getByLabel('User name').waitFor();
    await other.getByLabel('User name').waitFor();
    assert.equal(await bob.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('session')).length), 0);
  });

  test('no page had a problem of its own', () => {
    assert.deepEqual([...aliceBrowser.problems, ...bobBrowser.problems], []);
  });
});
