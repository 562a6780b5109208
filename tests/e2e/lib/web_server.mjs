// SPDX-License-Identifier: MIT
// The built app beside a gateway, under one origin and any path prefix: files from web/dist, and
// /api, /ws and /media handed on. Its network can be cut and restored.
import { createReadStream, existsSync, statSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { ROOT, protocolOf } from './system.mjs';

export const DIST = path.join(ROOT, 'web/dist');
export const isBuilt = existsSync(path.join(DIST, 'index.html'));

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json', '.map': 'application/json',
};
// As strict as a site may be: no inline scripts, nothing from elsewhere.
const POLICY = "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
  + "base-uri 'none'; frame-ancestors 'none'; connect-src 'self' ws: wss:";
const HANDED_ON = /^\/(api|ws|media)\//;

class WebServer {
  #server;
  #sockets = new Set();
  #isCut = false;

  constructor(gateway, prefix) {
    this.gateway = new URL(gateway);
    this.prefix = prefix;
    /** Answers of one's own, by path: for what the gateway does not have, or is to say. */
    this.answers = new Map();
    /** Every request that was handed on: "GET /api/…". */
    this.requests = [];
    this.#server = http.createServer((request, response) => this.#serve(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      if (this.#isCut) {
        socket.destroy();
      }
    });
  }

  async start() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = this.#server.address().port;
    this.url = `http://127.0.0.1:${this.port}${this.prefix}`;
    return this;
  }

  /** Every connection breaks, none can be made. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  restore() {
    this.#isCut = false;
  }

  async stop() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The path below the prefix; null is elsewhere. */
  #below(url) {
    return url.startsWith(this.prefix) ? `/${url.slice(this.prefix.length)}` : null;
  }

  #serve(request, response) {
    const url = this.#below(request.url);
    const pathName = url?.split('?')[0];
    if (url === null) {
      response.writeHead(404).end();
    } else if (this.answers.has(pathName)) {
      const { status = 200, body } = this.answers.get(pathName)(request);
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    } else if (HANDED_ON.test(url)) {
      this.#handOn(request, response, url);
    } else {
      this.#file(response, pathName);
    }
  }

  #file(response, pathName) {
    const file = path.join(DIST, pathName === '/' ? 'index.html' : path.normalize(pathName));
    if (!file.startsWith(DIST) || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache',
    });
    createReadStream(file).pipe(response);
  }

  #handOn(request, response, url) {
    this.requests.push(`${request.method} ${url}`);
    const { hostname, port } = this.gateway;
    const onward = protocolOf(this.gateway).request({ hostname, port, path: url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    request.pipe(onward);
  }

  /** A WebSocket: its head with the path below the prefix, then bytes both ways. */
  #upgrade(request, socket, head) {
    const url = this.#below(request.url);
    if (url === null || !HANDED_ON.test(url)) {
      socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
      return;
    }
    const { hostname: host, port, protocol } = this.gateway;
    const onward = (protocol === 'https:' ? tls : net).connect({ host, port: Number(port) }, () => {
      const lines = [`GET ${url} HTTP/1.1`];
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
      }
      onward.write(`${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    onward.on('close', () => socket.destroy());
    socket.on('error', () => onward.destroy());
    socket.on('close', () => onward.destroy());
  }
}

/** Serve the built app for one of a system's gateways; `prefix` begins and ends with a slash. */
export function serveWeb(system, { gateway = 0, prefix = '/' } = {}) {
  return new WebServer(system.info.urls[gateway], prefix).start();
}
