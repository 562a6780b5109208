// SPDX-License-Identifier: MIT
import type { ConnectionState, KibrayClient, Notification, NotificationStatus } from 'kibray-client';
import { Store } from './store.js';

export interface NotificationsState {
  phase: 'loading' | 'ready';
  unread: number;
  /** Newest first; dismissed ones are not here. */
  items: Notification[];
  hasMore: boolean;
  connection: ConnectionState;
}

const PAGE = 30;

/** What the user was told, on all of the user's sockets alike. */
export class NotificationsStore extends Store<NotificationsState> {
  #next: string | null = null;
  #arrived = new Set<(item: Notification) => void>();

  constructor(private readonly client: KibrayClient) {
    super({ phase: 'loading', unread: 0, items: [], hasMore: false, connection: client.notifications.state });
  }

  protected begin(): () => void {
    const { notifications } = this.client;
    const ends = [
      notifications.on('state', (connection) => this.set({ connection })),
      notifications.on('unread_count', ({ count }) => this.set({ unread: count })),
      notifications.on('notification', ({ notification }) => this.#onArrival({ ...notification, status: 'unread' })),
      notifications.on('notification_update', (frame) => this.#onUpdate(frame.notification_id, frame.status)),
      // What happened while the socket was away is in the list only.
      notifications.on('connection_established', () => void this.#load()),
      this.client.session.on('token', (token) => token === null && this.set({ phase: 'loading', items: [], unread: 0 })),
      notifications.open(),
    ];
    return () => ends.forEach((end) => end());
  }

  /** Hear of each that comes while one looks. */
  onArrival = (listener: (item: Notification) => void): (() => void) => {
    this.#arrived.add(listener);
    return () => void this.#arrived.delete(listener);
  };

  loadMore = async (): Promise<void> => {
    if (this.#next !== null) {
      const page = await this.client.api.next<{ results: Notification[]; next: string | null }>(this.#next);
      this.#next = page.next;
      this.set({ items: [...this.state.items, ...page.results.filter(isShown)], hasMore: page.next !== null });
    }
  };

  async #load(): Promise<void> {
    try {
      const page = await this.client.api.notifications({ limit: PAGE });
      this.#next = page.next;
      this.set({ phase: 'ready', items: page.results.filter(isShown), hasMore: page.next !== null });
    } catch {
      // The next connection asks again.
    }
  }

  #onArrival(item: Notification): void {
    // A chat renews the one that it has made already.
    this.set({ items: [item, ...this.state.items.filter(({ id }) => id !== item.id)] });
    this.#arrived.forEach((listener) => listener(item));
  }

  #onUpdate(id: number | null, status: NotificationStatus): void {
    const items = this.state.items.map((item) => (id === null || item.id === id ? { ...item, status } : item));
    this.set({ items: items.filter(isShown) });
  }
}

const isShown = ({ status }: Notification) => status !== 'dismissed';
