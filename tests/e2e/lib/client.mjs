// SPDX-License-Identifier: MIT
// A WebSocket client that keeps every frame it got, so that a test may ask for one that has come
// already as well as for one that is still to come.
import WebSocket from 'ws';

const DEFAULT_TIMEOUT_MS = 15_000;

/** ws://host:port/ws/chat/<room>/?token=…&since=… on one of a system's gateways. */
export function chatUrl(system, room, { token, since, gateway = 0 } = {}) {
  const url = new URL(`/ws/chat/${room}/`, system.info.urls[gateway].replace(/^http/, 'ws'));
  if (token !== undefined) {
    url.searchParams.set('token', token);
  }
  if (since !== undefined) {
    url.searchParams.set('since', `${since}`);
  }
  return url.href;
}

export class Client {
  frames = [];
  #cursor = 0;
  #waiting = new Set();
  #closeInfo = null;

  /** Begin to connect; `options` are those of ws, and `protocols`. */
  constructor(url, { protocols = [], ...options } = {}) {
    this.socket = new WebSocket(url, protocols, options);
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
      this.socket.once('close', () => reject(new Error('closed before it was open')));
    });
    this.opened.catch(() => {});
    /** Resolves to { code, reason } when the socket has closed; never rejects. */
    this.closed = new Promise((resolve) => {
      this.socket.once('close', (code, reason) => {
        this.#closeInfo = { code, reason: reason.toString() };
        resolve(this.#closeInfo);
        this.#wake();
      });
    });
    this.socket.on('error', () => {});
    this.socket.on('message', (data, isBinary) => {
      this.frames.push(isBinary ? { binary: data } : JSON.parse(data.toString()));
      this.#wake();
    });
  }

  /** Connect to a chat room; resolves to the client, whose .hello is its first frame. */
  static async chat(system, room, options = {}) {
    const { token, since, gateway, user, ...rest } = options;
    const credential = user === undefined ? token : await system.token(user);
    const client = new Client(chatUrl(system, room, { token: credential, since, gateway }), rest);
    client.hello = await client.next();
    if (client.hello.type !== 'connection_established') {
      throw new Error(`refused: ${JSON.stringify(client.hello)}`);
    }
    return client;
  }

  /** Connect to another path; resolves to the client, whose .hello is its first frame. */
  static async open(system, pathName, { user, gateway = 0, token, query = {} } = {}) {
    const url = new URL(pathName, system.info.urls[gateway].replace(/^http/, 'ws'));
    url.search = new URLSearchParams({ token: token ?? await system.token(user), ...query });
    const client = new Client(url.href);
    client.hello = await client.next();
    if (client.hello.type !== 'connection_established') {
      throw new Error(`refused: ${JSON.stringify(client.hello)}`);
    }
    return client;
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  #wake() {
    for (const wake of [...this.#waiting]) {
      wake();
    }
  }

  #settle(look, timeoutMs, what) {
    return new Promise((resolve, reject) => {
      const finish = (act, value) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        act(value);
      };
      const check = () => {
        const found = look();
        if (found !== undefined) {
          finish(resolve, found);
        } else if (this.#closeInfo) {
          finish(reject, new Error(`${what}: closed with ${JSON.stringify(this.#closeInfo)}, `
            + `last frames ${JSON.stringify(this.frames.slice(-3))}`));
        }
      };
      const timer = setTimeout(() => finish(reject, new Error(`${what}: nothing in ${timeoutMs} ms, `
        + `last frames ${JSON.stringify(this.frames.slice(-3))}`)), timeoutMs);
      this.#waiting.add(check);
      check();
    });
  }

  /**
   * The next frame, after those given before, that `predicate` (a function, or a frame's type)
   * accepts; frames before it are passed over.
   */
  next(predicate = () => true, timeoutMs = DEFAULT_TIMEOUT_MS) {
    const accepts = typeof predicate === 'string' ? (f) => f.type === predicate : predicate;
    return this.#settle(() => {
      while (this.#cursor < this.frames.length) {
        const frame = this.frames[this.#cursor++];
        if (accepts(frame)) {
          return frame;
        }
      }
      return undefined;
    }, timeoutMs, `next(${predicate})`);
  }

  /** Resolves when so many of all frames are accepted by the predicate; to those frames. */
  count(predicate, wanted, timeoutMs = DEFAULT_TIMEOUT_MS) {
    const accepts = typeof predicate === 'string' ? (f) => f.type === predicate : predicate;
    return this.#settle(() => {
      const found = this.frames.filter(accepts);
      return found.length >= wanted ? found : undefined;
    }, timeoutMs, `count(${predicate}, ${wanted})`);
  }

  send(value) {
    this.socket.send(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value),
      { binary: false });
  }

  sendChat(message, extra = {}) {
    this.send({ type: 'chat_message', message, ...extra });
  }

  /** Send a chat message and wait for the sender's own copy. */
  async say(message, extra = {}) {
    const clientId = extra.client_id ?? `say-${Math.random().toString(36).slice(2)}`;
    this.sendChat(message, { ...extra, client_id: clientId });
    return this.next((f) => f.client_id === clientId);
  }

  /** A round trip that everything sent before it has gone through at the gateway. */
  async ping() {
    this.send({ type: 'ping' });
    return this.next('pong');
  }

  /**
   * All that the room was sent before now has been received: a message of one's own that comes
   * back is ordered behind it.
   */
  async barrier() {
    return this.say('barrier');
  }

  async close() {
    this.socket.close();
    return this.closed;
  }
}

/** The HTTP answer to an upgrade request that is refused: { status, headers, body }. */
export function refusal(url, { protocols = [], ...options } = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, options);
    socket.once('open', () => {
      socket.terminate();
      reject(new Error('was not refused'));
    });
    socket.once('error', () => {});
    socket.once('unexpected-response', (request, response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => {
        request.destroy();
        resolve({ status: response.statusCode, headers: response.headers, body });
      });
    });
  });
}
