// SPDX-License-Identifier: MIT
// The socket port against the npm `ws` client and against raw bytes.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import WebSocket from 'ws';
import {
    Raw,
    UPGRADE,
    closeCodeOf,
    frame,
    head,
    isWrapped,
    seconds,
    startServer,
    startUnder,
} from './lib/echo_server.mjs';
import { until } from './lib/system.mjs';

const MIB = 1 << 20;
const DEFLATE_OFFER = 'Sec-WebSocket-Extensions: permessage-deflate';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    assert.equal(await server.stop(), 0, 'exit code of the server');
});

async function open(path = '/ws/echo/', options = {}, base = server) {
    const ws = new WebSocket(base.ws + path, { perMessageDeflate: false, ...options });
    ws.on('error', () => {});
    await once(ws, 'open');
    return ws;
}

async function closed(ws) {
    const [code, reason] = await once(ws, 'close');
    return { code, reason: reason.toString() };
}

async function finish(ws) {
    const end = closed(ws);
    ws.close(1000);
    return end;
}

const words = [
    'chat_message',
    'channel_id',
    '{"type":"',
    'héllo',
    '日本語',
    '😀',
    '","message":"',
    'x',
];

const textPool = Array.from(
    { length: 40_000 },
    () => words[crypto.randomInt(words.length)] + crypto.randomInt(1 << 30).toString(36),
).join('');

function randomText(target) {
    const at = crypto.randomInt(textPool.length >> 2);
    return Buffer.from(textPool.slice(at, at + target)); // a cut surrogate becomes U+FFFD
}

function randomMessage() {
    const size = Math.round(10 * 20_000 ** Math.random());
    const isBinary = Math.random() < 0.5;
    return { isBinary, data: isBinary ? crypto.randomBytes(size) : randomText(size) };
}

// One in ten goes in fragments with pings between them.
function sendMessage(ws, { data, isBinary }) {
    if (data.length < 100 || Math.random() >= 0.1) {
        ws.send(data, { binary: isBinary });
        return 0;
    }
    const parts = 2 + crypto.randomInt(5);
    const size = Math.ceil(data.length / parts);
    for (let i = 0; i < parts; i++) {
        ws.send(data.subarray(i * size, (i + 1) * size), {
            binary: isBinary,
            fin: i === parts - 1,
        });
        ws.ping(`${i}`);
    }
    return parts;
}

async function exchange(ws, count) {
    const sent = [];
    let pongs = 0;
    let pings = 0;
    let received = 0;
    let next = 0;
    ws.on('pong', () => pongs++);
    const fill = () => {
        while (next < count && next - received < 8) {
            sent[next] = randomMessage();
            pings += sendMessage(ws, sent[next++]);
        }
    };
    const all = new Promise((resolve, reject) => {
        ws.on('message', (data, isBinary) => {
            const want = sent[received];
            if (isBinary !== want.isBinary || Buffer.compare(data, want.data) !== 0) {
                reject(new Error(`message ${received} differs`));
            }
            sent[received++] = undefined;
            if (received === count) resolve();
            fill();
        });
        ws.once('close', (code) => reject(new Error(`closed with ${code}`)));
    });
    fill();
    await all;
    // Pongs may be merged when pings come faster than they are answered, but not get lost for good.
    if (pings > 0) assert.ok(pongs > 0 && pongs <= pings, `${pongs} pongs to ${pings} pings`);
}

describe('npm ws, random messages both ways', () => {
    const offers = {
        off: [false, undefined],
        default: [
            true,
            'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
        ],
        server_no_context_takeover: [{ serverNoContextTakeover: true }],
        client_no_context_takeover: [{ clientNoContextTakeover: true }],
        both: [{ serverNoContextTakeover: true, clientNoContextTakeover: true }],
        'server window 9': [{ serverMaxWindowBits: 9 }],
        'server window 12, client window 10': [
            { serverMaxWindowBits: 12, clientMaxWindowBits: 10 },
        ],
        'threshold 0': [{ threshold: 0 }],
    };
    for (const [name, [perMessageDeflate, answer]] of Object.entries(offers)) {
        test(name, { timeout: seconds(120) }, async () => {
            const clients = isWrapped ? 2 : 10;
            const count = isWrapped ? 20 : 150;
            await Promise.all(
                Array.from({ length: clients }, async () => {
                    const ws = await open('/ws/echo/', { perMessageDeflate });
                    assert.equal(ws.extensions, perMessageDeflate ? 'permessage-deflate' : '');
                    await exchange(ws, count);
                    assert.deepEqual(await finish(ws), { code: 1000, reason: '' });
                }),
            );
            if (answer) {
                const raw = await Raw.upgraded(server.port, { lines: [...UPGRADE, DEFLATE_OFFER] });
                assert.match(
                    raw.bytes.toString(),
                    new RegExp(`Sec-WebSocket-Extensions: ${answer}\r\n`),
                );
                raw.destroy();
            }
        });
    }

    test('what is large enough comes compressed, within the window asked for', async () => {
        const ws = await open('/ws/echo/', { perMessageDeflate: true });
        const before = ws._socket.bytesRead;
        ws.send('a'.repeat(100_000));
        await once(ws, 'message');
        assert.ok(ws._socket.bytesRead - before < 2000);
        await finish(ws);

        const lines = [...UPGRADE, `${DEFLATE_OFFER}; server_max_window_bits=11`];
        const raw = await Raw.upgraded(server.port, { lines });
        assert.match(
            raw.bytes.toString(),
            /client_no_context_takeover; server_max_window_bits=11\r\n/,
        );
        raw.send(frame(0x81, 'b'.repeat(2048)), frame(0x81, 'c'.repeat(2049)));
        await raw.until((r) => r.frames.length === 2);
        assert.deepEqual(
            raw.frames.map((f) => f.flags),
            [0xc1, 0x81],
        );
        raw.destroy();
    });
});

describe('subprotocols and headers', () => {
    test('only "bearer" is echoed', async () => {
        const ws = await open('/ws/echo/', {});
        assert.equal(ws.protocol, '');
        await finish(ws);
        const both = new WebSocket(`${server.ws}/ws/echo/`, ['bearer', 'the-token']);
        await once(both, 'open');
        assert.equal(both.protocol, 'bearer');
        await finish(both);
        const raw = await Raw.upgraded(server.port, {
            lines: [...UPGRADE, 'Sec-WebSocket-Protocol: chat, superchat'],
        });
        assert.equal(raw.status, 101);
        assert.doesNotMatch(raw.bytes.toString(), /Sec-WebSocket-Protocol/i);
        raw.destroy();
    });

    test('the accept key of the RFC, one header a line, any case', async () => {
        const lines = UPGRADE.map((line, i) =>
            i === 0
                ? line
                : line
                      .toUpperCase()
                      .replace('DGHLIHNHBXBSZSBUB25JZQ==', 'dGhlIHNhbXBsZSBub25jZQ=='),
        );
        const raw = await Raw.upgraded(server.port, { lines });
        assert.equal(raw.status, 101);
        assert.match(
            raw.bytes.toString(),
            /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/,
        );
        raw.destroy();
    });
});

describe('limits of messages', () => {
    test('exactly 1 MiB passes, one byte more is reported once and dropped', async () => {
        for (const perMessageDeflate of [false, { threshold: 0 }]) {
            const ws = await open('/ws/echo/', { perMessageDeflate });
            const data = crypto.randomBytes(MIB + 1);
            ws.send(data.subarray(0, MIB));
            const [echo] = await once(ws, 'message');
            assert.equal(Buffer.compare(echo, data.subarray(0, MIB)), 0);
            ws.send(data);
            ws.send('still here');
            const answers = [];
            ws.on('message', (m) => answers.push(m.toString()));
            while (answers.length < 2) await once(ws, 'message');
            assert.deepEqual(answers, ['oversize', 'still here']);
            await finish(ws);
        }
    });

    test('a bomb ends with 1009 beyond 16 times the limit, with "oversize" before', async () => {
        const bomb = (size) =>
            zlib
                .deflateRawSync(Buffer.alloc(size), { finishFlush: zlib.constants.Z_SYNC_FLUSH })
                .subarray(0, -4);
        const raw = await Raw.upgraded(server.port, { lines: [...UPGRADE, DEFLATE_OFFER] });
        raw.send(frame(0xc2, bomb(16 * MIB)));
        await raw.until((r) => r.frames.length === 1);
        assert.equal(raw.frames[0].payload.toString(), 'oversize');
        raw.send(frame(0xc2, bomb(16 * MIB + 1)));
        await raw.until((r) => closeCodeOf(r.frames));
        assert.equal(closeCodeOf(raw.frames), 1009);
        raw.destroy();
    });

    const closesWith = (name, code, makeFrames, lines = UPGRADE) =>
        test(`${name}: ${code}`, async () => {
            const raw = await Raw.upgraded(server.port, { lines });
            raw.send(...makeFrames());
            await raw.until((r) => closeCodeOf(r.frames));
            assert.equal(closeCodeOf(raw.frames), code);
            // The peer that answers the close frame is released at once.
            raw.send(frame(0x88, Buffer.from([code >> 8, code & 255])));
            await raw.end();
        });
    const fragments = (n) =>
        Array.from({ length: n }, (_, i) =>
            frame((i === 0 ? 1 : 0) | (i === n - 1 ? 0x80 : 0), 'x'),
        );
    const deflated = [...UPGRADE, DEFLATE_OFFER];

    closesWith('2^40 announced', 1009, () => [frame(0x82, 'x', { length: 1n << 40n })]);
    closesWith('2^62 announced, nothing sent', 1009, () => [
        frame(0x82, '', { length: 1n << 62n }),
    ]);
    closesWith('1025 fragments', 1008, () => fragments(1025));
    closesWith('bad UTF-8', 1007, () => [frame(0x81, Buffer.from([0x61, 0xc0, 0x80]))]);
    closesWith('UTF-8 cut at the end', 1007, () => [frame(0x81, Buffer.from([0xe2, 0x82]))]);
    closesWith('bad UTF-8 early in an unfinished message', 1007, () => [
        frame(0x01, Buffer.from([0xff])),
    ]);
    closesWith(
        'bad UTF-8 inside of compressed text',
        1007,
        () => [
            frame(
                0xc1,
                zlib
                    .deflateRawSync(Buffer.alloc(99, 0xff), {
                        finishFlush: zlib.constants.Z_SYNC_FLUSH,
                    })
                    .subarray(0, -4),
            ),
        ],
        deflated,
    );
    closesWith(
        'damaged compressed data',
        1007,
        () => [frame(0xc1, Buffer.from([0x07, 1, 2, 3]))],
        deflated,
    );
    closesWith('unmasked text', 1002, () => [frame(0x81, 'hello', { mask: null })]);
    closesWith('unmasked after masked', 1002, () => [
        frame(0x81, 'a'),
        frame(0x82, 'b', { mask: null }),
    ]);
    closesWith('unmasked ping', 1002, () => [frame(0x89, '', { mask: null })]);
    closesWith('RSV1 without the extension', 1002, () => [frame(0xc1, 'x')]);
    closesWith('RSV2', 1002, () => [frame(0xa1, 'x')]);
    closesWith('RSV3 with the extension', 1002, () => [frame(0x91, 'x')], deflated);
    closesWith('RSV1 on a ping', 1002, () => [frame(0xc9, 'x')], deflated);
    closesWith(
        'RSV1 on a continuation',
        1002,
        () => [frame(0x01, 'x'), frame(0xc0, 'y')],
        deflated,
    );
    closesWith('reserved opcode', 1002, () => [frame(0x83, 'x')]);
    closesWith('continuation of nothing', 1002, () => [frame(0x80, 'x')]);
    closesWith('a message inside another', 1002, () => [frame(0x01, 'x'), frame(0x81, 'y')]);
    closesWith('ping over 125 bytes', 1002, () => [frame(0x89, 'x'.repeat(126))]);
    closesWith('fragmented ping', 1002, () => [frame(0x09, 'x')]);

    test('1024 fragments pass', async () => {
        const raw = await Raw.upgraded(server.port, { more: fragments(1024) });
        await raw.until((r) => r.frames.length === 1);
        assert.equal(raw.frames[0].payload.toString(), 'x'.repeat(1024));
        raw.destroy();
    });
});

describe('bytes in any cut', () => {
    test('one byte at a time: data, pings, compressed data, close', async () => {
        const raw = await Raw.upgraded(server.port, { lines: [...UPGRADE, DEFLATE_OFFER] });
        const compressed = zlib
            .deflateRawSync('y'.repeat(300), { finishFlush: zlib.constants.Z_SYNC_FLUSH })
            .subarray(0, -4);
        const bytes = Buffer.concat([
            frame(0x01, 'he'),
            frame(0x89, 'ping'),
            frame(0x80, 'llo'),
            frame(0xc1, compressed),
            frame(0x81, 'z'.repeat(200)),
            frame(0x88, Buffer.from([3, 232])),
        ]);
        for (const byte of bytes) {
            raw.send([byte]);
            await sleep(1);
        }
        await raw.end();
        assert.deepEqual(
            raw.frames.map((f) => [f.flags, f.payload.toString('latin1')]),
            [
                [0x8a, 'ping'],
                [0x81, 'hello'],
                [0x81, 'y'.repeat(300)],
                [0x81, 'z'.repeat(200)],
                [0x88, '\x03\xe8'],
            ],
        );
    });

    test('ten pings in one segment get ten pongs, in order', async () => {
        const raw = await Raw.upgraded(server.port, {
            more: Array.from({ length: 10 }, (_, i) => frame(0x89, `ping ${i}`)),
        });
        await raw.until((r) => r.frames.length === 10);
        assert.deepEqual(
            raw.frames.map((f) => [f.flags, f.payload.toString()]),
            Array.from({ length: 10 }, (_, i) => [0x8a, `ping ${i}`]),
        );
        raw.destroy();
    });
});

describe('reading paused', () => {
    const fifty = Array.from({ length: 50 }, (_, i) => frame(0x81, `${i}:${'p'.repeat(i * 7)}`));
    const check = (frames) =>
        assert.deepEqual(
            frames.map((f) => f.payload.toString()),
            fifty.map((_, i) => `${i}:${'p'.repeat(i * 7)}`),
        );

    test('50 frames in the segment of the upgrade wait for 200 ms, in order', async () => {
        const start = performance.now();
        const lines = ['GET /hold HTTP/1.1', ...UPGRADE.slice(1)];
        const raw = await Raw.upgraded(server.port, { lines, more: fifty });
        await sleep(100);
        assert.equal(raw.frames.length, 0, 'nothing is delivered while paused');
        await raw.until((r) => r.frames.length === 50);
        assert.ok(performance.now() - start >= 195);
        check(raw.frames);
        raw.destroy();
    });

    test('paused from inside a message: the rest of the segment waits', async () => {
        for (let round = 0; round < 5; round++) {
            const raw = await Raw.upgraded(server.port, {
                more: [frame(0x81, '!pause 80'), ...fifty],
            });
            await sleep(40);
            assert.equal(raw.frames.length, 0);
            await raw.until((r) => r.frames.length === 50);
            check(raw.frames);
            raw.destroy();
        }
    });

    test('a close frame behind paused messages does not overtake them', async () => {
        const raw = await Raw.upgraded(server.port, {
            more: [
                frame(0x81, '!pause 80'),
                frame(0x81, 'one'),
                frame(0x81, '!pause 80'),
                frame(0x81, 'two'),
                frame(0x88, Buffer.from([3, 232])),
            ],
        });
        await raw.end();
        assert.deepEqual(
            raw.frames.map((f) => f.payload.toString('latin1')),
            ['one', 'two', '\x03\xe8'],
        );
    });

    // Far more than is read ahead, paused in the middle of it again and again.
    test('half a megabyte of all sizes in one write, with pauses, pings and a close frame', async () => {
        const texts = Array.from({ length: 400 }, (_, i) => `${i}:${'q'.repeat((i * 37) % 2500)}`);
        const raw = await Raw.upgraded(server.port, {
            more: [
                ...texts.flatMap((text, i) => [
                    ...(i % 40 === 7 ? [frame(0x81, '!pause 10')] : []),
                    ...(i % 50 === 3 ? [frame(0x89, `ping ${i}`)] : []),
                    frame(0x81, text),
                ]),
                frame(0x88, Buffer.from([3, 232])),
            ],
        });
        await raw.end();
        const of = (opcode) =>
            raw.frames.filter((f) => (f.flags & 15) === opcode).map((f) => f.payload.toString('latin1'));
        assert.deepEqual(of(1), texts);
        assert.deepEqual(
            of(10),
            texts.flatMap((_, i) => (i % 50 === 3 ? [`ping ${i}`] : [])),
        );
        assert.deepEqual(of(8), ['\x03\xe8']);
    });

    test('a client that does not read is still listened to after a pause', async () => {
        const messages = async () => (await (await fetch(`${server.http}/stats`)).json()).messages;
        const raw = await Raw.upgraded(server.port);
        const before = await messages();
        raw.socket.pause();
        raw.send(
            frame(0x81, '!flood 300'), // more than the kernel takes
            ...Array.from({ length: 40 }, () => frame(0x81, 'm'.repeat(50))),
            frame(0x81, '!pause 300'),
            ...Array.from({ length: 300 }, () => frame(0x81, 'n'.repeat(50))),
        );
        await until(async () => (await messages()) === before + 342, seconds(10), 'all to be taken in');
        raw.destroy();
    });

    test('600 pings in one write get 600 pongs', async () => {
        const raw = await Raw.upgraded(server.port, {
            more: Array.from({ length: 600 }, (_, i) => frame(0x89, `ping ${i}`.padEnd(20))),
        });
        await raw.until((r) => r.frames.length === 600);
        raw.destroy();
    });

    test(
        'slow reader: everything arrives, the server does not grow',
        { timeout: seconds(60) },
        async () => {
            const rss = () =>
                Number(
                    /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1],
                );
            const ws = await open();
            const rssBefore = rss();
            const frames = 400; // 25 MiB
            let count = 0;
            const done = new Promise((resolve) =>
                ws.on('message', (data) => {
                    assert.equal(Number(data.subarray(0, 14)), frames - 1 - count);
                    if (++count === frames) resolve();
                }),
            );
            ws._socket.pause();
            ws.send(`!flood ${frames}`);
            await sleep(500);
            assert.ok(rss() - rssBefore < 15_000, `${rss() - rssBefore} KiB more`);
            assert.ok(count < frames);
            ws._socket.resume();
            await done;
            await finish(ws);
        },
    );
});

describe('closing', () => {
    test('codes and reasons, a second call is ignored', async () => {
        for (const [code, reason] of [
            [4401, ''],
            [1012, 'retry_ms=1500'],
            [4429, 'r'.repeat(123)],
            [1001, 'x'],
        ]) {
            const ws = await open();
            ws.send(`!close ${code} ${reason}`);
            assert.deepEqual(await closed(ws), { code, reason });
        }
    });

    test('what was written before goes first', async () => {
        const ws = await open();
        const got = [];
        ws.on('message', (m) => got.push(m.length));
        ws._socket.pause();
        for (let i = 0; i < 20; i++) ws.send('m'.repeat(100_000));
        ws.send('!close 4000 end');
        await sleep(200);
        ws._socket.resume();
        const end = await closed(ws);
        // The echo server queues; what it handed to the port before the close must be here, complete.
        assert.equal(end.code, 4000);
        assert.ok(got.every((n) => n === 100_000));
    });

    test('cut without a close frame: 1006', async () => {
        const ws = await open();
        ws.send('!cut');
        assert.equal((await closed(ws)).code, 1006);
    });

    test('no session: cut', async () => {
        const ws = new WebSocket(`${server.ws}/null`);
        ws.on('error', () => {});
        assert.equal((await closed(ws)).code, 1006);
    });

    test('a cut while blocked happens at once', async () => {
        const ws = await open();
        ws._socket.pause();
        ws.send('!flood 400');
        await sleep(200);
        const before = await server.stats();
        const start = performance.now();
        ws.send('!cut');
        while ((await server.stats()).closed === before.closed) {
            assert.ok(performance.now() - start < seconds(2));
            await sleep(10);
        }
        ws.terminate();
    });

    test('the client closes: its code comes back, and it counts as clean', async () => {
        const { clean } = await server.stats();
        for (const code of [1000, 1001, 1013, 3000, 4999]) {
            const raw = await Raw.upgraded(server.port);
            raw.send(
                frame(
                    0x88,
                    Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from('why')]),
                ),
            );
            await raw.end();
            assert.equal(closeCodeOf(raw.frames), code);
        }
        const empty = await Raw.upgraded(server.port, { more: [frame(0x88, '')] });
        await empty.end();
        assert.deepEqual(
            empty.frames.map((f) => [f.flags, f.payload.length]),
            [[0x88, 0]],
        );
        assert.equal((await server.stats()).clean, clean + 6);
    });

    test('invalid close frames are answered with 1002 or 1007', async () => {
        for (const [payload, code] of [
            [[3], 1002],
            [[3, 231], 1002],
            [[3, 237], 1002],
            [[7, 208], 1002],
            [[19, 136], 1002],
            [[3, 232, 0xc0, 0x80], 1007],
            [[3, 232, 0xe2], 1007],
        ]) {
            const raw = await Raw.upgraded(server.port);
            raw.send(frame(0x88, Buffer.from(payload)));
            await raw.end();
            assert.equal(closeCodeOf(raw.frames), code);
        }
    });

    test('vanished clients are noticed', async () => {
        const before = await server.stats();
        const ws = await open();
        ws.terminate();
        for (let i = 0; (await server.stats()).closed === before.closed; i++) {
            assert.ok(i < 100);
            await sleep(20);
        }
        assert.equal((await server.stats()).clean, before.clean);
    });

    test(
        'a client that ignores the close frame is cut after five seconds',
        { timeout: seconds(20) },
        async () => {
            const raw = await Raw.upgraded(server.port, { more: [frame(0x81, '!close 4000 x')] });
            await raw.until((r) => closeCodeOf(r.frames) === 4000);
            const start = performance.now();
            const busy = setInterval(() => raw.send(frame(0x81, 'ignored')), 100);
            await raw.end();
            clearInterval(busy);
            const took = performance.now() - start;
            assert.ok(took > 3000 && took < seconds(8), `${took} ms`);
            assert.equal(raw.frames.length, 1);
        },
    );
});

describe('handshake errors', () => {
    const without = (name) => UPGRADE.filter((line) => !line.startsWith(name));
    const replaced = (name, line) => UPGRADE.map((l) => (l.startsWith(name) ? line : l));
    const cases = [
        ['POST', replaced('GET', 'POST /ws/echo/ HTTP/1.1'), 405, /Allow: GET\r\n/],
        ['no version', without('Sec-WebSocket-Version'), 426, /Sec-WebSocket-Version: 13\r\n/],
        ['version 8', replaced('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 8'), 426],
        ['version twice', [...UPGRADE, 'Sec-WebSocket-Version: 13'], 400],
        ['no key', without('Sec-WebSocket-Key'), 400],
        [
            'key too short',
            replaced('Sec-WebSocket-Key', 'Sec-WebSocket-Key: dGhlIHNhbXBsZQ=='),
            400,
        ],
        [
            'key not base64',
            replaced('Sec-WebSocket-Key', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!!=='),
            400,
        ],
        ['two keys', [...UPGRADE, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='], 400],
        ['no Host', without('Host'), 400],
        ['two Hosts', [...UPGRADE, 'Host: other'], 400],
        ['no Connection', without('Connection'), 400],
        ['HTTP/1.0', replaced('GET', 'GET /ws/echo/ HTTP/1.0'), 400],
        ['HTTP/2.0', replaced('GET', 'GET /ws/echo/ HTTP/2.0'), 505],
        ['a body', [...UPGRADE, 'Content-Length: 5'], 400],
        ['a chunked body', [...UPGRADE, 'Transfer-Encoding: chunked'], 400],
        ['control byte', [...UPGRADE, 'X-A: a\x01b'], 400],
        ['NUL', [...UPGRADE, 'X-A: a\0b'], 400],
        ['DEL', [...UPGRADE, 'X-A: a\x7fb'], 400],
        ['non-ASCII', [...UPGRADE, 'X-A: ä'], 400],
        ['bare LF', [...UPGRADE, 'X-A: a\nX-B: b'], 400],
        ['bare CR', [...UPGRADE, 'X-A: a\rX-B: b'], 400],
        ['folded line', [...UPGRADE, ' folded'], 400],
        ['blank before the colon', [...UPGRADE, 'X-A : b'], 400],
        ['no colon', [...UPGRADE, 'nonsense'], 400],
        ['absolute target', replaced('GET', 'GET http://localhost/ws/echo/ HTTP/1.1'), 400],
        ['101 headers', [...UPGRADE, ...Array.from({ length: 96 }, (_, i) => `X-${i}: y`)], 431],
        ['long path', replaced('GET', `GET /${'p'.repeat(2048)} HTTP/1.1`), 414],
        ['unknown path', replaced('GET', 'GET /elsewhere HTTP/1.1'), 404],
        ['refused by policy', replaced('GET', 'GET /deny HTTP/1.1'), 403, /X-Why: a "test"\r\n/],
    ];
    for (const [name, lines, status, header] of cases) {
        test(`${name}: ${status}`, async () => {
            const raw = await Raw.request(server.port, head(lines));
            assert.equal(raw.status, status);
            const text = raw.bytes.toString();
            assert.match(text, /Connection: close\r\n/);
            assert.match(text, /X-Content-Type-Options: nosniff\r\n/);
            if (header) assert.match(text, header);
            const body = JSON.parse(raw.bytes.subarray(raw.headEnd));
            assert.deepEqual(Object.keys(body), ['detail', 'code']);
        });
    }

    test('16 KiB of headers pass, more is dropped without an answer', async () => {
        const build = (size) => {
            const rest = size - head([...UPGRADE, 'X-Fill: ']).length;
            return head([...UPGRADE, `X-Fill: ${'f'.repeat(rest)}`]);
        };
        const fits = new Raw(server.port);
        fits.send(build(16384));
        await fits.until((r) => r.headEnd > 3);
        assert.equal(fits.status, 101);
        fits.destroy();
        const over = await Raw.request(server.port, build(16385));
        assert.equal(over.bytes.length, 0);
    });

    test('a long Sec-WebSocket-Extensions header is no problem', async () => {
        const raw = await Raw.upgraded(server.port, {
            lines: [
                ...UPGRADE,
                `Sec-WebSocket-Extensions: ${'x-unknown; a=1, '.repeat(60)}permessage-deflate`,
            ],
        });
        assert.equal(raw.status, 101);
        assert.match(raw.bytes.toString(), /permessage-deflate; server_no_context/);
        raw.destroy();
    });

    test('a head that comes byte by byte, with a frame behind it', async () => {
        const raw = new Raw(server.port);
        for (const byte of Buffer.from(head(UPGRADE))) {
            raw.send([byte]);
            await sleep(0);
        }
        raw.send(frame(0x81, 'slow'));
        await raw.until((r) => r.headEnd > 3 && r.frames.length === 1);
        assert.equal(raw.frames[0].payload.toString(), 'slow');
        raw.destroy();
    });
});

describe('HTTP', () => {
    test('bodies up to 64 KiB come back, more is 413, also when only announced', async () => {
        for (const size of [1, 65536]) {
            const data = crypto.randomBytes(size);
            const res = await fetch(`${server.http}/x`, { method: 'POST', body: data });
            assert.equal(res.status, 200);
            assert.equal(res.headers.get('x-echo'), '1');
            assert.equal(Buffer.compare(Buffer.from(await res.arrayBuffer()), data), 0);
        }
        const big = await Raw.request(
            server.port,
            head(['POST /x HTTP/1.1', 'Host: a', 'Content-Length: 65537']) + 'x'.repeat(65537),
        );
        assert.equal(big.status, 413);
        const announced = await Raw.request(
            server.port,
            head(['POST /x HTTP/1.1', 'Host: a', 'Content-Length: 999999999999']),
        );
        assert.equal(announced.status, 413);
        assert.equal(
            JSON.parse(announced.bytes.subarray(announced.headEnd)).code,
            'MESSAGE_TOO_LARGE',
        );
    });

    for (const [name, lines, status] of [
        ['no length', ['POST /x HTTP/1.1', 'Host: a'], 411],
        ['chunked', ['POST /x HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'], 411],
        [
            'chunked with a length',
            ['POST /x HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Content-Length: 5'],
            411,
        ],
        [
            'two lengths',
            ['POST /x HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 1'],
            400,
        ],
        ['length +1', ['POST /x HTTP/1.1', 'Host: a', 'Content-Length: +1'], 400],
        ['length 1,1', ['POST /x HTTP/1.1', 'Host: a', 'Content-Length: 1,1'], 400],
        ['length empty', ['POST /x HTTP/1.1', 'Host: a', 'Content-Length:'], 400],
        ['GET', ['GET /x HTTP/1.1', 'Host: a'], 404],
        ['DELETE', ['DELETE /x HTTP/1.1', 'Host: a'], 404],
        ['HTTP/1.0 without Host', ['GET /later HTTP/1.0'], 200],
        ['later', ['GET /later HTTP/1.1', 'Host: a'], 200],
        ['asterisk', ['OPTIONS * HTTP/1.1', 'Host: a'], 400],
        ['garbage', ['\x16\x03\x01\x02'], 400],
        ['one word', ['hello'], 400],
        [
            'an upgrade to something else is an ordinary request',
            ['GET /later HTTP/1.1', 'Host: a', 'Upgrade: h2c', 'Connection: Upgrade'],
            200,
        ],
    ]) {
        test(`${name}: ${status}`, async () => {
            const raw = await Raw.request(server.port, head(lines));
            assert.equal(raw.status, status);
        });
    }

    test('paths and queries are handed on as they were sent', async () => {
        const target = '/raw?a=%41&b=/../?x%00';
        const raw = await Raw.request(server.port, head([`GET ${target} HTTP/1.1`, 'Host: a']));
        assert.equal(raw.bytes.subarray(raw.headEnd).toString(), 'GET /raw ? a=%41&b=/../?x%00');
    });

    test('HEAD has the headers only, 204 no length', async () => {
        const raw = await Raw.request(server.port, head(['HEAD /later HTTP/1.1', 'Host: a']));
        assert.match(raw.bytes.toString(), /Content-Length: 5\r\n/);
        assert.equal(raw.headEnd, raw.bytes.length);
        const empty = await Raw.request(server.port, head(['GET /empty HTTP/1.1', 'Host: a']));
        assert.equal(empty.status, 204);
        assert.doesNotMatch(empty.bytes.toString(), /Content-Length/);
    });

    test('a body in pieces, after 100 Continue', async () => {
        const raw = new Raw(server.port);
        raw.send(
            head(['POST /x HTTP/1.1', 'Host: a', 'Content-Length: 6', 'Expect: 100-continue']),
        );
        await raw.until((r) => r.bytes.includes('100 Continue\r\n\r\n'));
        for (const part of ['ab', 'cd', 'ef']) {
            raw.send(part);
            await sleep(10);
        }
        await raw.end();
        assert.match(raw.bytes.toString(), /200 OK[^]*\r\n\r\nabcdef$/);
    });

    test('a client that closes its sending side still gets its answer', async () => {
        const raw = new Raw(server.port);
        raw.socket.end(head(['GET /later HTTP/1.1', 'Host: a']));
        await raw.end();
        assert.equal(raw.status, 200);
    });

    test('one request a connection: a second one is not read (NN-2025-0102)', async () => {
        const first = head(['GET /x HTTP/1.1', 'Host: a', 'Connection: keep-alive']);
        const second = head(['GET /x HTTP/1.1', 'Host: a', 'Upgrade: foo', 'Connection: Upgrade']);
        for (let i = 0; i < 20; i++) {
            const raw = await Raw.request(server.port, first + second);
            assert.equal(raw.bytes.toString().split('HTTP/1.1 ').length, 2);
        }
        // The same with the answer outstanding, and as two segments.
        const raw = new Raw(server.port);
        raw.send(head(['GET /later HTTP/1.1', 'Host: a', 'Connection: keep-alive']));
        await sleep(20);
        raw.send(second);
        await raw.end();
        assert.equal(raw.bytes.toString().split('HTTP/1.1 ').length, 2);
        const odd = await Raw.request(
            server.port,
            head(['GET /x HTTP/1.1', 'Host: a', 'Upgrade: foo', 'Connection: Upgrade']),
        );
        assert.equal(odd.status, 404);
    });

    test('no answer for 30 s: 504', { timeout: 60_000 }, async () => {
        const before = await server.stats();
        const start = performance.now();
        const raw = new Raw(server.port);
        raw.send(head(['GET /never HTTP/1.1', 'Host: a']));
        await raw.until((r) => r.ended, 45_000);
        assert.ok(performance.now() - start > 29_000);
        assert.equal(raw.status, 504);
        assert.equal((await server.stats()).http_gone, before.http_gone + 1);
    });

    test('clients that go away while they wait', async () => {
        for (let i = 0; i < 20; i++) {
            const raw = new Raw(server.port);
            raw.send(head(['GET /later HTTP/1.1', 'Host: a']));
            await sleep(5);
            raw.socket.resetAndDestroy();
        }
        await sleep(200);
        assert.equal((await fetch(`${server.http}/later`)).status, 200);
    });
});

describe('HTTP in pieces', () => {
    const sumOf = (data) => data.reduce((sum, byte) => sum + byte, 0);
    const post = (target, length, ...more) =>
        head([`POST ${target} HTTP/1.1`, 'Host: a', `Content-Length: ${length}`, ...more]);

    test('a body of any length is read', async () => {
        for (const size of [1, 65536, 65537, 1_000_000]) {
            const data = crypto.randomBytes(size);
            const res = await fetch(`${server.http}/sum`, { method: 'POST', body: data });
            assert.equal(res.status, 200);
            assert.equal(await res.text(), `${sumOf(data)}`);
        }
    });

    test('one that waits for 100 Continue gets it when its body is wanted, once', async () => {
        const raw = new Raw(server.port);
        raw.send(post('/sum', 70_000, 'Expect: 100-continue'));
        await raw.until((r) => r.bytes.toString() === 'HTTP/1.1 100 Continue\r\n\r\n');
        raw.send(Buffer.alloc(70_000, 1));
        await raw.end();
        assert.equal(raw.bytes.toString().split('100 Continue').length, 2);
        assert.ok(raw.bytes.toString().endsWith('\r\n\r\n70000'));
        const refused = await Raw.request(server.port, post('/sum?no', 70_000, 'Expect: 100-continue'));
        assert.equal(refused.status, 403);
        assert.equal(refused.bytes.toString().includes('100 Continue'), false);
    });

    test('refused early, the answer comes also to one that sends everything first', async () => {
        const size = 4_000_000;
        const raw = new Raw(server.port);
        raw.send(post('/sum?no', size));
        for (let sent = 0; sent < size; sent += 100_000) {
            raw.send(Buffer.alloc(100_000));
        }
        await raw.end();
        assert.equal(raw.status, 403);
        assert.equal(raw.error, undefined);
    });

    test('an answer in pieces', async () => {
        for (const size of [1, 65536, 65537, 5_000_000]) {
            const res = await fetch(`${server.http}/bytes?${size}`);
            assert.equal(res.headers.get('content-length'), `${size}`);
            assert.equal(res.headers.get('x-content-type-options'), 'nosniff');
            assert.equal((await res.arrayBuffer()).byteLength, size);
        }
        const asked = await Raw.request(server.port, head(['HEAD /bytes?77 HTTP/1.1', 'Host: a']));
        assert.match(asked.bytes.toString(), /\r\nContent-Length: 77\r\n/);
        assert.equal(asked.bytes.length, asked.headEnd);
        assert.equal((await fetch(`${server.http}/bytes?0`)).headers.get('content-length'), '0');
    });

    test('clients that go away in the middle of either', async () => {
        const before = await server.stats();
        for (let i = 0; i < 10; i++) {
            const sender = new Raw(server.port);
            sender.send(post('/sum', 1_000_000));
            sender.send(Buffer.alloc(100_000));
            const reader = new Raw(server.port);
            reader.send(head(['GET /bytes?100000000 HTTP/1.1', 'Host: a']));
            await reader.until((r) => r.bytes.length > 100_000);
            sender.socket.destroy();
            reader.socket.destroy();
        }
        for (let tries = 0; (await server.stats()).http_gone < before.http_gone + 20; tries++) {
            assert.ok(tries < 100, 'not all of them were noticed');
            await sleep(50);
        }
    });

    test('a client that takes nothing, or sends nothing, for 30 s', { timeout: 60_000 }, async () => {
        const before = await server.stats();
        const reader = new Raw(server.port);
        reader.socket.pause();
        reader.send(head(['GET /bytes?100000000 HTTP/1.1', 'Host: a']));
        const sender = new Raw(server.port);
        sender.send(post('/sum', 100));
        sender.send('x');
        await sender.until((r) => r.ended, 45_000);
        assert.equal(sender.status, 408);
        await sleep(500);
        assert.equal((await server.stats()).http_gone, before.http_gone + 2);
        reader.socket.destroy();
    });
});

describe('time', () => {
    let quick;
    before(async () => {
        quick = await startServer('ping=1', 'pong=1', 'handshake=1');
    });
    after(async () => {
        assert.equal(await quick.stop(), 0);
    });

    test('a head that is not complete in time is dropped', async () => {
        const raw = new Raw(quick.port);
        const start = performance.now();
        raw.send('GET / HTTP/1.1\r\nHost: a\r\n');
        await raw.end();
        const took = performance.now() - start;
        assert.ok(took > 800 && took < seconds(2), `${took} ms`);
        assert.equal(raw.bytes.length, 0);
    });

    test('a silent connection is dropped, and one that drips', async () => {
        const silent = new Raw(quick.port);
        const dripping = new Raw(quick.port);
        dripping.send('GET / HTTP/1.1\r\n');
        const drip = setInterval(() => dripping.send('X: y\r\n'), 100);
        await Promise.all([silent.end(), dripping.end()]);
        clearInterval(drip);
    });

    test('a body that does not come is dropped', async () => {
        const raw = new Raw(quick.port);
        raw.send(head(['POST /x HTTP/1.1', 'Host: a', 'Content-Length: 6']), 'abc');
        await raw.end();
        assert.equal(raw.bytes.length, 0);
    });

    test('who answers pings stays, who does not is dropped', async () => {
        const alive = await open('/ws/echo/', {}, quick);
        let pings = 0;
        alive.on('ping', () => pings++);
        const dead = await Raw.upgraded(quick.port);
        const start = performance.now();
        await dead.end();
        const took = performance.now() - start;
        assert.ok(took > 1500 && took < seconds(4), `${took} ms`);
        assert.deepEqual(
            dead.frames.map((f) => f.flags),
            [0x89],
        );
        await sleep(1500);
        assert.ok(pings >= 2);
        assert.equal(alive.readyState, WebSocket.OPEN);
        await finish(alive);
    });
});

test('many at once, coming and going', { timeout: seconds(60) }, async () => {
    const count = isWrapped ? 50 : 500;
    for (let round = 0; round < 2; round++) {
        const all = await Promise.all(Array.from({ length: count }, () => open()));
        await Promise.all(
            all.map(async (ws, i) => {
                ws.send(`${i}`);
                const [m] = await once(ws, 'message');
                assert.equal(m.toString(), `${i}`);
            }),
        );
        all.forEach((ws, i) => (i % 2 ? ws.terminate() : ws.close()));
        await Promise.all(
            all.filter((ws) => ws.readyState !== WebSocket.CLOSED).map((ws) => once(ws, 'close')),
        );
    }
    for (let i = 0; (await server.stats()).connections > 0; i++) {
        assert.ok(i < 200);
        await sleep(20);
    }
    const { opened, closed: ended } = await server.stats();
    assert.equal(opened, ended);
});

test('open connections when the server stops are told to their sessions', async () => {
    const other = await startServer();
    const clients = await Promise.all(
        Array.from({ length: 10 }, () => open('/ws/echo/', {}, other)),
    );
    const ends = clients.map(closed);
    const waiting = new Raw(other.port);
    waiting.send(head(['GET /later HTTP/1.1', 'Host: a']));
    await sleep(20);
    assert.equal(await other.stop(), 0);
    for (const end of await Promise.all(ends)) assert.equal(end.code, 1006);
    assert.ok(other.lines.includes('closed 10 of 10'), other.lines.join());
});

test(
    'out of descriptors: accepting pauses without spinning, and goes on',
    { skip: isWrapped },
    async () => {
        const small = await startUnder(['sh', '-c', 'ulimit -n 60; exec "$@"', 'sh']);
        const cpuTicks = () => {
            const fields = readFileSync(`/proc/${small.pid}/stat`, 'utf8')
                .split(') ')[1]
                .split(' ');
            return Number(fields[11]) + Number(fields[12]);
        };
        const raws = Array.from({ length: 100 }, () => new Raw(small.port));
        raws.forEach((raw) => raw.send(head(UPGRADE)));
        const isOpen = (raw) => raw.headEnd > 3 && raw.status === 101;
        while (raws.filter(isOpen).length < 30) await sleep(10);
        const start = cpuTicks();
        await sleep(1000);
        assert.ok(cpuTicks() - start < 20, 'ticks of 10 ms');
        raws.filter(isOpen).forEach((raw) => raw.destroy());
        await Promise.all(
            raws
                .filter((raw) => !isOpen(raw))
                .slice(0, 20)
                .map((raw) => raw.until(isOpen)),
        );
        raws.forEach((raw) => raw.destroy());
        assert.equal(await small.stop(), 0);
    },
);
