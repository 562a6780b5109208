// SPDX-License-Identifier: MIT
// Starts ws_echo_server (tests/echo) on a free port, and speaks raw bytes to it.
// WS_ECHO_SERVER: path of the program. WS_ECHO_WRAPPER: a command to run it under, such as
// "valgrind -q --error-exitcode=99 --leak-check=full".
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import crypto from 'node:crypto';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const program = process.env.WS_ECHO_SERVER ?? path.join(root, 'build/bin/ws_echo_server');
const wrapper = (process.env.WS_ECHO_WRAPPER ?? '').split(' ').filter(Boolean);

export const isWrapped = wrapper.length > 0;
export const seconds = (n) => n * (isWrapped ? 10_000 : 1000);

async function freePort() {
    const probe = net.createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    probe.close();
    await once(probe, 'close');
    return port;
}

export async function startServer(...options) {
    return startUnder(wrapper, ...options);
}

// `before` are the words of a command that runs another one.
export async function startUnder(before, ...options) {
    const port = await freePort();
    const [command, ...args] = [...before, program, String(port), ...options];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = [];
    const exited = once(child, 'exit');
    let onReady;
    const ready = new Promise((resolve, reject) => {
        onReady = resolve;
        child.once('error', reject);
        child.once('exit', (code) => reject(new Error(`the echo server ended with ${code}`)));
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line);
        if (line === 'ready') onReady();
    });
    await ready;
    return {
        port,
        pid: child.pid,
        lines,
        ws: `ws://127.0.0.1:${port}`,
        http: `http://127.0.0.1:${port}`,
        async stats() {
            return (await fetch(`http://127.0.0.1:${port}/stats`)).json();
        },
        // Returns the exit code: 0, or what a sanitizer or valgrind found.
        async stop() {
            child.kill('SIGTERM');
            const [code, signal] = await exited;
            return code ?? signal;
        },
    };
}

export const UPGRADE = [
    'GET /ws/echo/ HTTP/1.1',
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
];

export const head = (lines) => `${lines.join('\r\n')}\r\n\r\n`;

// A client frame. `flags` is the first byte.
export function frame(flags, payload, { mask = crypto.randomBytes(4), length } = {}) {
    const data = Buffer.from(payload);
    const n = BigInt(length ?? data.length);
    const form = n < 126n ? 0 : n < 65536n ? 2 : 8;
    const header = Buffer.alloc(2 + form);
    header[0] = flags;
    header[1] = (mask ? 0x80 : 0) | (form === 0 ? Number(n) : form === 2 ? 126 : 127);
    if (form === 2) header.writeUInt16BE(Number(n), 2);
    if (form === 8) header.writeBigUInt64BE(n, 2);
    if (mask) for (let i = 0; i < data.length; i++) data[i] ^= mask[i & 3];
    return Buffer.concat([header, mask ?? Buffer.alloc(0), data]);
}

// Server frames in `bytes`: [{ flags, payload }], as far as they are complete.
export function parseFrames(bytes) {
    const frames = [];
    for (let at = 0; at + 2 <= bytes.length;) {
        let n = bytes[at + 1];
        let size = 2;
        if (n === 126) [n, size] = [bytes.readUInt16BE(at + 2), 4];
        else if (n === 127) [n, size] = [Number(bytes.readBigUInt64BE(at + 2)), 10];
        if (at + size + n > bytes.length) break;
        frames.push({ flags: bytes[at], payload: bytes.subarray(at + size, at + size + n) });
        at += size + n;
    }
    return frames;
}

export const closeCodeOf = (frames) => {
    const close = frames.find((f) => f.flags === 0x88);
    return close && close.payload.length >= 2 ? close.payload.readUInt16BE(0) : undefined;
};

// A port of this machine, or the address of a server: https:// by TLS.
function connectTo(place) {
    const { protocol, hostname, port } = new URL(typeof place === 'number' ? `http://127.0.0.1:${place}` : place);
    return (protocol === 'https:' ? tls : net).connect({ host: hostname, port: Number(port), ALPNProtocols: ['http/1.1'] });
}

// A connection that collects what comes.
export class Raw {
    constructor(place) {
        this.bytes = Buffer.alloc(0);
        this.socket = connectTo(place);
        this.socket.setNoDelay(true);
        this.error = undefined;
        this.waiters = new Set();
        this.ended = false;
        this.closed = new Promise((resolve) => this.socket.once('close', resolve));
        this.socket.on('data', (data) => {
            this.bytes = Buffer.concat([this.bytes, data]);
            this.#wake();
        });
        this.socket.on('end', () => {
            this.ended = true;
            this.#wake();
        });
        this.socket.on('error', (error) => {
            this.error = error;
        });
        this.socket.on('close', () => {
            this.ended = true;
            this.#wake();
        });
    }

    #wake() {
        for (const check of this.waiters) check();
    }

    // Until test(this) is truthy; rejects when the connection ends before.
    until(test, limit = seconds(15)) {
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => done(reject, new Error('nothing came in time')), limit);
            const done = (settle, value) => {
                clearTimeout(timer);
                this.waiters.delete(check);
                settle(value);
            };
            const check = () => {
                const value = test(this);
                if (value) done(resolve, value);
                else if (this.ended) done(reject, new Error(`ended after: ${this.bytes}`));
            };
            this.waiters.add(check);
            check();
        });
    }

    send(...parts) {
        this.socket.write(Buffer.concat(parts.map((p) => Buffer.from(p))));
    }

    end() {
        return this.until((raw) => raw.ended);
    }

    get headEnd() {
        return this.bytes.indexOf('\r\n\r\n') + 4;
    }

    get status() {
        return Number(/^HTTP\/1\.1 (\d{3}) /.exec(this.bytes.toString('latin1'))?.[1]);
    }

    get frames() {
        return parseFrames(this.bytes.subarray(this.headEnd));
    }

    destroy() {
        this.socket.destroy();
    }

    static async request(place, text) {
        const raw = new Raw(place);
        raw.send(text);
        await raw.end();
        return raw;
    }

    // Upgraded; `more` is sent in the same segment as the request.
    static async upgraded(place, { lines = UPGRADE, more = [] } = {}) {
        const raw = new Raw(place);
        raw.send(head(lines), ...more);
        await raw.until((r) => r.headEnd > 3);
        return raw;
    }
}
