// SPDX-License-Identifier: MIT
import { Api } from './api.js';
import { Connection, type ConnectionOptions } from './connection.js';
import type { PresenceStatus } from './frames.js';
import { Http, HttpError } from './http.js';
import { lockBy } from './locks.js';
import { Outbox } from './outbox.js';
import { openStore } from './outbox_store.js';
import { Room } from './room.js';
import { Session } from './session.js';

export interface KibrayOptions {
  /** Where the server is, with any path prefix; default: the page's own folder. */
  baseUrl?: string;
  /** Keeps login, queue and uploads for the next page; default localStorage, null for nothing. */
  storage?: Storage | null;
  /** The server's WEBSOCKET_RATE_LIMIT. */
  rateLimit?: number;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
  indexedDB?: IDBFactory;
  locks?: LockManager | null;
}

/** /ws/notifications/: what happened, and what was read of it. */
export class Notifications extends Connection {
  markRead = (id: number) => this.sendIfRoom({ type: 'mark_read', notification_id: id }, 0);
  dismiss = (id: number) => this.sendIfRoom({ type: 'dismiss', notification_id: id }, 0);
  markAllRead = () => this.sendIfRoom({ type: 'mark_all_read' }, 0);
}

/** /ws/status/: who is there. A status that was set by hand is set again after a break. */
export class Status extends Connection {
  #wanted: PresenceStatus | null = null;

  constructor(options: ConnectionOptions) {
    super(options);
    this.on('state', ({ status }) => status === 'open' && this.#wanted && this.set(this.#wanted));
    options.session.on('token', (token) => token ?? (this.#wanted = null));
  }

  set(status: PresenceStatus): void {
    this.#wanted = status;
    this.sendIfRoom({ type: 'status_update', status }, 0);
  }
}

function defaultStorage(): Storage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;                    // forbidden by the browser's settings
  }
}

/** Everything of one server for one user. */
export class KibrayClient {
  readonly session: Session;
  readonly api: Api;
  readonly http: Http;
  readonly outbox: Outbox;
  readonly notifications: Notifications;
  readonly status: Status;
  readonly baseUrl: string;
  #rooms = new Map<string, Room>();
  #room: (key: string) => Room;

  constructor(options: KibrayOptions = {}) {
    const base = new URL(options.baseUrl ?? '.', globalThis.document?.baseURI);
    base.pathname = base.pathname.replace(/\/?$/, '/');
    base.search = base.hash = '';
    this.baseUrl = base.href;
    const storage = options.storage === undefined ? defaultStorage() : options.storage;
    const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.session = new Session(`kibray:session:${base.href}`, storage, (refresh) => this.#askForAccess(refresh));
    this.http = new Http(base, this.session, fetch);
    this.api = new Api(this.http);
    this.outbox = new Outbox(openStore(options.indexedDB ?? globalThis.indexedDB, storage),
      () => `${base.href} ${this.session.userId}`);
    const connection = {
      session: this.session, WebSocket: options.WebSocket ?? globalThis.WebSocket, rateLimit: options.rateLimit ?? 60,
    };
    const socketUrl = (path: string) => this.http.url(`ws/${path}`).replace(/^http/, 'ws');
    this.notifications = new Notifications({ ...connection, url: () => socketUrl('notifications/') });
    this.status = new Status({ ...connection, url: () => socketUrl('status/') });
    const withLock = lockBy(options.locks === null ? undefined : options.locks ?? globalThis.navigator?.locks, storage);
    this.#room = (key) => new Room(key, { ...connection, socketUrl, outbox: this.outbox, withLock, storage });
    let user = this.session.userId;
    this.session.on('token', () => {
      if (this.session.userId !== user) {         // somebody else's rooms and queue
        user = this.session.userId;
        this.#rooms.clear();
        void this.outbox.read();
      }
    });
  }

  /** The same object for the same key: a channel's id or name, or direct/<user id>. */
  room(key: string | number): Room {
    const name = `${key}`;
    let room = this.#rooms.get(name);
    if (!room) {
      this.#rooms.set(name, (room = this.#room(name)));
    }
    return room;
  }

  direct(userId: number): Room {
    return this.room(`direct/${userId}`);
  }

  async login(username: string, password: string): Promise<void> {
    const tokens = await this.#post<{ access: string; refresh: string }>('api/token/', { username, password });
    this.session.set(tokens.access, tokens.refresh);
  }

  /** The server forgets the login; so does this browser, even when the server is away. */
  async logout(): Promise<void> {
    const refresh = this.session.refreshToken;
    this.session.clear();
    if (refresh !== null) {
      await this.http.once('POST', 'api/token/blacklist/', { refresh }).catch(() => {});
    }
  }

  /** Keep rooms open while they have something to send: what an earlier page left, and what was said
   * in a room that was left since. The function that is returned ends it. */
  resumeQueue(): () => void {
    const open = new Map<string, () => void>();
    const look = () => {
      const wanted = new Set(this.outbox.entries.map((entry) => entry.room));
      for (const key of wanted) {
        if (!open.has(key)) {
          open.set(key, this.room(key).open());
        }
      }
      for (const [key, close] of open) {
        if (!wanted.has(key)) {
          open.delete(key);
          close();
        }
      }
    };
    const stop = this.outbox.on('change', look);
    void this.outbox.read();
    return () => {
      stop();
      open.forEach((close) => close());
    };
  }

  async #askForAccess(refresh: string): Promise<string | null> {
    try {
      return (await this.#post<{ access: string }>('api/token/refresh/', { refresh })).access;
    } catch (error) {
      if (error instanceof HttpError && error.status === 401) {
        return null;
      }
      throw error;
    }
  }

  async #post<T>(path: string, body: object): Promise<T> {
    return (await this.http.checked(await this.http.once('POST', path, body))).json() as Promise<T>;
  }
}
