// SPDX-License-Identifier: MIT
// Makes the pictures of docs/images/ from a system of its own: node tests/e2e/screenshots.mjs [folder]
import { deflateSync } from 'node:zlib';
import path from 'node:path';
import { Client } from './lib/client.mjs';
import { ROOT, start, until } from './lib/system.mjs';
import { upload } from './lib/upload.mjs';
import { enter, launch, newPerson, signIn } from './lib/web_pages.mjs';
import { serveWeb } from './lib/web_server.mjs';

const FOLDER = process.argv[2] ?? path.join(ROOT, 'docs/images');
const SERVICE_KEY = 'a-key-for-pictures';
const MINUTE = 60_000;
const POLLS = 110;
let polled = 0;

/** A PNG of a landscape: hills before an evening sky. */
function picture(width, height) {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  const hills = [[0.62, 0.05, 5, [74, 111, 120]], [0.72, 0.06, 8, [46, 84, 92]], [0.84, 0.04, 11, [24, 56, 62]]];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sky = y / height;
      let color = [246 - 60 * sky, 196 - 40 * sky, 142 + 40 * sky];
      if (Math.hypot(x - width * 0.68, y - height * 0.4) < height * 0.11) {
        color = [255, 236, 196];
      }
      for (const [base, swing, waves, ground] of hills) {
        if (y / height > base + swing * Math.sin((x / width) * waves + base * 20)) {
          color = ground;
        }
      }
      rows.set(color, y * (width * 3 + 1) + 1 + x * 3);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
    }
  }
  return ~value >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length, 0);
  frame.set(body, 4);
  frame.writeUInt32BE(crc(body), body.length + 4);
  return frame;
}

const system = await start({ env: { SERVICE_KEY, USER_RATE_LIMIT: '0', WEBSOCKET_RATE_LIMIT: '0' } });
const browser = await launch();
let web;
try {
  web = await serveWeb(system);
  await seed();
  web.answers.set('/api/websocket/metrics/', () => ({ body: metrics() }));
  web.answers.set('/api/websocket/metrics/history/', (request) => ({ body: history(Number(new URL(request.url, 'http://h').searchParams.get('hours'))) }));
  await shoot();
} catch (error) {
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    await page.screenshot({ path: path.join(FOLDER, 'failed.png') });
  }
  throw error;
} finally {
  await browser.close();
  await web?.stop();
  await system.stop();
}

async function seed() {
  for (const name of ['dora', 'emil', 'farah']) {
    await system.addUser(name);
  }
  for (const name of ['design', 'releases', 'support']) {
    await system.addChannel(name);
  }
  const rooms = new Map();
  const room = async (user, channel) => {
    const key = `${user} ${channel}`;
    if (!rooms.has(key)) {
      rooms.set(key, await Client.chat(system, channel, { user }));
    }
    return rooms.get(key);
  };
  const say = async (user, channel, text, extra) => (await (await room(user, channel)).say(text, extra)).message;
  await say('carol', 'releases', 'Version 2.4 is on the staging system.');
  await say('emil', 'random', 'There is cake in the kitchen. It will not last.');
  await say('farah', 'support', 'Ticket 812 is solved: the certificate had expired.');
  await say('dora', 'design', 'New empty states are in the folder.');
  const direct = await Client.chat(system, `direct/${(await idOf('alice'))}`, { user: 'carol' });
  await direct.say('Do you have a minute before the stand-up?');
  const plan = await say('bob', 'general', 'Good morning! The load test of last night went well: 60 000 sockets, nothing lost.');
  await say('bob', 'general', 'The report is attached, the raw numbers are at https://example.org/load/2024-06');
  const bob = await room('bob', 'general');
  await upload(bob, Buffer.concat([Buffer.from('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n', 'latin1'), Buffer.alloc(184_000, 32)]),
    { file_name: 'load-test.pdf', file_type: 'application/pdf' });
  await bob.next((frame) => frame.type === 'chat_message' && frame.message.attachments.length > 0);
  await say('alice', 'general', 'Impressive. What was the slowest delivery?', { reply_to: plan.id });
  await say('bob', 'general', '38 ms at the 99th percentile, while one gateway was killed on purpose.');
  await age(system, 24 * 60);
  const ask = await say('carol', 'general', 'Who takes the release today? @alice you wanted to watch one from close by.');
  await say('alice', 'general', 'I do! Everything is green, I start at ten.', { reply_to: ask.id });
  await say('alice', 'general', 'If something is odd:\n1. look at the dashboard\n2. tell me here\n3. nobody panics');
  const dora = await room('dora', 'general');
  await upload(dora, picture(960, 640), { file_name: 'view-from-the-office.png', file_type: 'image/png', post: false }).then(async (frame) => {
    await dora.say('Meanwhile, out of the window of the new office', { attachments: [frame.attachment.id] });
  });
  await say('emil', 'general', 'I want that desk.');
  for (const client of rooms.values()) {
    await client.close();
  }
  await direct.close();
}

async function idOf(name) {
  return (await system.sql(`SELECT id FROM auth_user WHERE username = '${name}'`))[0].id;
}

/** What was said so far was said so many minutes earlier, one every other minute. */
async function age(where, minutes) {
  await where.sqlExec(`UPDATE chat_message SET created_at = created_at - interval '${minutes} minutes' - (50 - id % 50) * interval '40 seconds'`);
}

async function shoot() {
  const bobs = [await Client.chat(system, 'general', { user: 'bob' }), await Client.open(system, '/ws/status/', { user: 'bob' }),
    await Client.open(system, '/ws/status/', { user: 'dora' }), await Client.open(system, '/ws/status/', { user: 'emil' })];
  bobs[2].send({ type: 'status_update', status: 'busy' });
  bobs[3].send({ type: 'status_update', status: 'away' });
  const alice = await newPerson(browser, { viewport: { width: 1280, height: 800 } });
  alice.setDefaultTimeout(10_000);
  const page = await alice.newPage();
  await signIn(page, web.url, 'alice');
  await enter(page, 'general');
  await page.locator('.image img').waitFor();
  bobs[0].send({ type: 'read_receipt', message_id: (await system.sql('SELECT max(id)::int AS id FROM chat_message'))[0].id });
  const typing = setInterval(() => bobs[0].send({ type: 'typing', is_typing: true }), 2000);
  bobs[0].send({ type: 'typing', is_typing: true });
  await page.getByText('bob is typing').waitFor();
  await page.locator('.composer textarea').fill('Then come early tomorrow, @em');
  await page.waitForTimeout(400);
  await shot(page, 'chat');
  await page.locator('.composer textarea').fill('');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForTimeout(300);
  await shot(page, 'chat-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await system.http('/api/notifications/', {
    headers: { Authorization: `Api-Key ${SERVICE_KEY}` },
    body: { user_ids: [await idOf('alice')], title: 'Deployment finished', message: 'Version 2.4 runs on all four machines.', category: 'task', url: '/tasks/17' },
  });
  await page.locator('.toast').waitFor();
  await page.getByRole('button', { name: /Notifications/ }).click();
  await page.waitForTimeout(400);
  await shot(page, 'notifications');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Search in this channel' }).click();
  await page.getByLabel('Words to find').fill('gateway');
  await page.locator('.search-results li').first().waitFor();
  await page.waitForTimeout(6500);
  await shot(page, 'search');
  await page.getByRole('button', { name: 'Close the search' }).click();
  web.cut();
  await page.locator('.composer textarea').fill('This one waits for the train to leave the tunnel.');
  await page.locator('.composer textarea').press('Enter');
  await page.locator('.banner').waitFor();
  await page.waitForTimeout(300);
  await shot(page, 'offline');
  web.restore();
  const phone = await newPerson(browser, { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1.5 });
  const small = await phone.newPage();
  await signIn(small, web.url, 'alice');
  await until(async () => (await small.locator('.channel').count()) > 6, 10_000, 'channels');
  await small.waitForTimeout(400);
  await shot(small, 'phone-channels');
  await enter(small, 'general');
  await small.locator('.image img').waitFor();
  await small.waitForTimeout(400);
  await shot(small, 'phone-chat');
  clearInterval(typing);
  const staff = await newPerson(browser, { viewport: { width: 1280, height: 900 } });
  const board = await staff.newPage();
  await board.clock.install();
  await signIn(board, `${web.url}#/dashboard`, 'admin');
  // Ten minutes of looking, a few seconds of waiting.
  for (let step = 0; step < POLLS; step++) {
    await board.clock.runFor(5000);
    await board.waitForTimeout(20);
  }
  await board.waitForTimeout(500);
  await shot(board, 'dashboard');
  await board.emulateMedia({ colorScheme: 'dark' });
  await board.waitForTimeout(600);
  await shot(board, 'dashboard-dark');
  for (const client of bobs) {
    await client.close();
  }
}

async function shot(page, name) {
  await page.screenshot({ path: path.join(FOLDER, `${name}.png`) });
}

/** Numbers as a busy afternoon has them. */
function metrics() {
  const at = Date.now() + (polled++ - POLLS) * 5000;
  const wave = (around, swing) => around + swing * Math.sin(polled / 9) + swing * 0.5 * Math.sin(polled / 2.3) + swing * 0.3 * Math.sin(polled * 7.7);
  return {
    timestamp: new Date(at).toISOString(), uptime_seconds: 1_036_800,
    connections: {
      total: Math.round(wave(1284, 24)), by_user: { alice: 3, bob: 2, carol: 2, dora: 1, emil: 1, farah: 1 },
      by_channel: { general: 412, random: 388, design: 141, releases: 97, support: 64, leads: 42 }, created: 48_210, closed: 46_926,
    },
    messages: {
      rate_1m: wave(86.4, 9), rate_5m: 81.2, rate_15m: 74.9,
      latency: { p50: wave(4.2, 0.4), p95: wave(11, 2), p99: wave(24, 4), avg: 5.1, min: 1.1, max: 210, count: 5_210_442 },
    },
    errors: {
      total: 317, rate: 0.04, by_type: { RATE_LIMIT_EXCEEDED: 201, INVALID_MESSAGE: 88, AUTHENTICATION_FAILED: 28 },
      recent: ['Rate limit exceeded. Please slow down.', 'The message has no text.', 'The token has expired.'].map((message, i) => ({
        type: ['RATE_LIMIT_EXCEEDED', 'INVALID_MESSAGE', 'AUTHENTICATION_FAILED'][i], message,
        timestamp: new Date(Date.now() - (i * 7 + 2) * MINUTE).toISOString(),
      })),
    },
    connection_duration: { avg: 2140, median: 905, min: 0.4, max: 86_210 },
  };
}

function history(hours) {
  const data = Array.from({ length: hours * 12 }, (_, i) => {
    const time = Date.now() - (hours * 12 - i) * 5 * MINUTE;
    const hour = (new Date(time).getUTCHours() + new Date(time).getUTCMinutes() / 60);
    const day = Math.max(0, Math.sin(((hour - 6) / 24) * 2 * Math.PI)) ** 0.7;
    const noise = Math.abs(Math.sin(i * 12.9898) * 43_758.5453) % 1;
    return {
      timestamp: new Date(time).toISOString(), connections: Math.round(220 + 1050 * day + 60 * noise), created: Math.round(20 + 200 * day),
      closed: Math.round(18 + 200 * day), messages_per_second: 6 + 80 * day + 9 * noise, latency_p50: 3 + 1.5 * day + 0.6 * noise,
      latency_p95: 8 + 4 * day + 3 * noise, latency_p99: 16 + 8 * day + 9 * noise, errors: noise > 0.93 ? Math.round(noise * 9) : 0,
    };
  });
  return { hours, interval_minutes: 5, data_points: data.length, data };
}
