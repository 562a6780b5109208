// SPDX-License-Identifier: MIT
import type { ConnectionState, KibrayClient, Notification, NotificationPage, ServerFrame } from 'kibray-client';
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
  #loading = 0;
  #since: ServerFrame[] | null = null;    // while the list is asked for: what came since, and it may lack
  #isLoadingMore = false;
  #arrived = new Set<(item: Notification) => void>();

  constructor(private readonly client: KibrayClient) {
    super({ phase: 'loading', unread: 0, items: [], hasMore: false, connection: client.notifications.state });
  }

  protected begin(): () => void {
    const { notifications } = this.client;
    const ends = [
      notifications.on('state', (connection) => this.set({ connection })),
      notifications.on('unread_count', ({ count }) => this.set({ unread: count })),
      notifications.on('frame', (frame) => this.#onFrame(frame)),
      // What happened while the socket was away is in the list only.
      notifications.on('connection_established', () => void this.#load()),
      this.client.session.on('token', (token) => token === null && this.#forget()),
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
    const next = this.#next;
    if (next === null || this.#isLoadingMore) {
      return;
    }
    this.#isLoadingMore = true;
    try {
      const page = await this.client.api.next<NotificationPage>(next);
      if (this.#next === next) {          // else it is another list meanwhile
        this.#next = page.next;
        const known = new Set(this.state.items.map(({ id }) => id));
        const older = page.results.filter((item) => isShown(item) && !known.has(item.id));
        this.set({ items: [...this.state.items, ...older], hasMore: page.next !== null });
      }
    } catch {
      // There is still more: whoever wants it asks again.
    } finally {
      this.#isLoadingMore = false;
    }
  };

  async #load(): Promise<void> {
    const round = ++this.#loading;
    this.#since = [];
    try {
      const page = await this.client.api.notifications({ limit: PAGE });
      if (round === this.#loading) {
        this.#next = page.next;
        const items = (this.#since ?? []).reduce(withFrame, page.results.filter(isShown));
        this.#since = null;
        this.set({ phase: 'ready', items, hasMore: page.next !== null });
      }
    } catch {
      if (round === this.#loading) {
        this.#since = null;               // the next connection asks again
      }
    }
  }

  #forget(): void {
    this.#loading++;
    this.#since = this.#next = null;
    this.set({ phase: 'loading', items: [], unread: 0, hasMore: false });
  }

  #onFrame(frame: ServerFrame): void {
    const items = withFrame(this.state.items, frame);
    if (items !== this.state.items) {
      this.#since?.push(frame);
      this.set({ items });
    }
    if (frame.type === 'notification') {
      const item: Notification = { ...frame.notification, status: 'unread' };
      this.#arrived.forEach((listener) => listener(item));
    }
  }
}

const isShown = ({ status }: Notification) => status !== 'dismissed';

/** The list after a frame; the same list when the frame is about something else. */
function withFrame(items: Notification[], frame: ServerFrame): Notification[] {
  if (frame.type === 'notification') {
    // A chat renews the one that it has made already.
    return [{ ...frame.notification, status: 'unread' }, ...items.filter(({ id }) => id !== frame.notification.id)];
  }
  if (frame.type === 'notification_update') {
    const { notification_id: wanted, status } = frame;
    return items.map((item) => (wanted === null || item.id === wanted ? { ...item, status } : item)).filter(isShown);
  }
  return items;
}
