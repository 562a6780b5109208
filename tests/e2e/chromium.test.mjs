// SPDX-License-Identifier: MIT
// The socket port against a real browser: its permessage-deflate, its fragments, its close.
// CHROMIUM: path of the browser. Skipped where there is none.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { seconds, startServer } from './lib/echo_server.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

// Runs in the page: sends `count` messages, checks each echo, closes. Returns what it saw.
async function talk({ url, count, large }) {
    const ws = new WebSocket(url);
    ws.binaryType = 'arraybuffer';
    await new Promise((resolve, reject) => {
        ws.onopen = resolve;
        ws.onerror = () => reject(new Error('no connection'));
    });
    const pieces = ['{"type":"chat_message"}', 'grün ', '日本', '😀', ' <b>', 'lorem ipsum '];
    const sizes = (i) =>
        i % 50 === 49 ? large : Math.round(10 * 2000 ** (((i * 7919) % 1000) / 1000));
    const text = (i) => {
        let s = '';
        for (let k = i; s.length < sizes(i); k++) s += pieces[(k * k + i) % pieces.length] + k;
        return s;
    };
    const binary = (i) => Uint8Array.from({ length: sizes(i) }, (_, k) => (k * 31 + i) & 255);
    const isText = (i) => i % 3 !== 0;
    const bad = [];
    const done = new Promise((resolve, reject) => {
        let received = 0;
        ws.onclose = (event) => reject(new Error(`closed with ${event.code} after ${received}`));
        ws.onmessage = ({ data }) => {
            const i = received++;
            const same = isText(i)
                ? data === text(i)
                : data.byteLength === sizes(i) &&
                  new Uint8Array(data).every((b, k) => b === ((k * 31 + i) & 255));
            if (!same) bad.push(i);
            if (received === count) resolve();
        };
    });
    for (let i = 0; i < count; i++) ws.send(isText(i) ? text(i) : binary(i));
    await done;
    const closed = new Promise((resolve) => {
        ws.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
    });
    ws.send('!close 4001 good bye');
    return { extensions: ws.extensions, protocol: ws.protocol, bad, closed: await closed };
}

// Runs in the page: opens a socket and tells how it ended.
function ending({ url, protocols, command }) {
    return new Promise((resolve) => {
        const ws = new WebSocket(url, protocols);
        let opened = false;
        ws.onopen = () => {
            opened = true;
            if (command) ws.send(command);
            else ws.close(3000, 'done');
        };
        ws.onclose = ({ code, reason, wasClean }) =>
            resolve({ opened, code, reason, wasClean, protocol: ws.protocol });
    });
}

describe('Chromium', { skip: !existsSync(executablePath) }, () => {
    let server;
    let browser;
    let profile;
    let page;

    before(async () => {
        server = await startServer();
        profile = await mkdtemp(path.join(tmpdir(), 'chromium-'));
        browser = await chromium.launchPersistentContext(profile, {
            executablePath,
            headless: true,
            args: [
                '--no-sandbox',
                '--disable-gpu',
                '--disable-quic',
                '--no-first-run',
                '--disable-background-networking',
                '--disable-component-update',
                '--disable-sync',
            ],
        });
        page = await browser.newPage();
        await page.goto(`${server.http}/page`);
    });

    after(async () => {
        await browser?.close();
        if (profile) await rm(profile, { recursive: true, force: true });
        assert.equal(await server.stop(), 0);
    });

    test(
        'several hundred messages, some large, compressed, then our close',
        { timeout: seconds(60) },
        async () => {
            const url = `${server.ws}/ws/echo/`;
            const results = await Promise.all(
                Array.from({ length: 4 }, () =>
                    page.evaluate(talk, { url, count: 400, large: 400_000 }),
                ),
            );
            for (const result of results) {
                assert.deepEqual(result.bad, []);
                assert.equal(
                    result.extensions,
                    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
                );
                assert.deepEqual(result.closed, { code: 4001, reason: 'good bye', wasClean: true });
            }
        },
    );

    test('the browser closes first', async () => {
        const end = await page.evaluate(ending, { url: `${server.ws}/ws/echo/` });
        assert.deepEqual(end, {
            opened: true,
            code: 3000,
            reason: '',
            wasClean: true,
            protocol: '',
        });
    });

    test('a token in the subprotocol', async () => {
        const end = await page.evaluate(ending, {
            url: `${server.ws}/ws/echo/`,
            protocols: ['bearer', 'abc.def'],
        });
        assert.equal(end.opened, true);
        assert.equal(end.protocol, 'bearer');
    });

    test('a cut is 1006, and so is a refusal', async () => {
        const cut = await page.evaluate(ending, { url: `${server.ws}/ws/echo/`, command: '!cut' });
        assert.deepEqual([cut.opened, cut.code, cut.wasClean], [true, 1006, false]);
        const refused = await page.evaluate(ending, { url: `${server.ws}/deny` });
        assert.deepEqual([refused.opened, refused.code], [false, 1006]);
    });
});
