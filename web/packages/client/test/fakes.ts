// SPDX-License-Identifier: MIT
// A socket, a store and locks that a test moves by hand.
import { vi } from 'vitest';
import type { ClientFrame, ServerFrame } from '../src/index.js';

export class FakeSocket {
  static all: FakeSocket[] = [];
  static answersPings = true;
  static get last(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }

  readyState = 1;
  sent: ClientFrame[] = [];
  isClosed = false;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(readonly url: string, readonly protocols: string[] = []) {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    this.sent.push(frame);
    if (frame.type === 'ping' && FakeSocket.answersPings) {
      queueMicrotask(() => this.say({ type: 'pong', timestamp: '' }));
    }
  }

  close(): void {
    this.isClosed = true;
    this.readyState = 3;
  }

  /** The server says something. */
  say(frame: ServerFrame | object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The connection ends. */
  end(code = 1006, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  hello(extra: object = {}): void {
    this.say({
      type: 'connection_established', endpoint: 'chat', user_id: 1, username: 'alice', channel_id: 7,
      channel: 'general', seq: 0, resumed: false, online_users: [], ...extra,
    });
  }

  ofType(type: string): ClientFrame[] {
    return this.sent.filter((frame) => frame.type === type);
  }
}

export const socketClass = FakeSocket as unknown as typeof WebSocket;

/** localStorage as several tabs see it. */
export function fakeStorage(): Storage {
  const items: Record<string, string> = {};
  const methods = {
    getItem: (key: string) => items[key] ?? null,
    setItem: (key: string, value: string) => { items[key] = value; },
    removeItem: (key: string) => { delete items[key]; },
  };
  return new Proxy(methods, {
    ownKeys: () => Object.keys(items),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  }) as unknown as Storage;
}

/** Web Locks of one browser. */
export function fakeLocks(): LockManager {
  const ends = new Map<string, Promise<unknown>>();
  return {
    request: (name: string, body: () => Promise<unknown>) => {
      const end = (ends.get(name) ?? Promise.resolve()).then(body);
      ends.set(name, end.catch(() => {}));
      return end;
    },
  } as unknown as LockManager;
}

/** A JWT as far as a client looks into it. */
export function token(claims: object): string {
  return `h.${btoa(JSON.stringify(claims)).replace(/=+$/, '')}.s${Math.random()}`;
}

export const seconds = () => Math.floor(Date.now() / 1000);

/** Let promises and short timers go on. */
export const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

export function chat(id: number, extra: object = {}, author = 1): object {
  return {
    type: 'chat_message', seq: id,
    message: {
      id, content: `message ${id}`, author: { id: author, username: 'x', avatar: '' },
      timestamp: '2024-01-01T00:00:00.000Z', channel_id: 7, reply_to: null, attachments: [],
    },
    ...extra,
  };
}
