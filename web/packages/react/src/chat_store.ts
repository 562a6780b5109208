// SPDX-License-Identifier: MIT
import {
  type ChatEstablished, type ConnectionState, HttpError, type KibrayClient, type MessagePage, type OnlineUser,
  type OutboxEntry, type OutboxFailure, type Room, type ServerFrame,
} from 'kibray-client';
import { type ChatMessage, merge, ofPage, withFrame } from './messages.js';
import { Store } from './store.js';
import { type Typist, Typists } from './typists.js';

export interface Receipt { user_id: number; username: string; message_id: number }

export interface ChatState {
  /** loading: nothing to show yet; failed: nor will there be until `reload`. */
  phase: 'loading' | 'ready' | 'failed';
  channelId: number | null;
  /** Oldest first. */
  messages: ChatMessage[];
  hasOlder: boolean;
  isLoadingOlder: boolean;
  /** Said, not confirmed. */
  pending: OutboxEntry[];
  failures: OutboxFailure[];
  typing: Typist[];
  /** How far others have read, as heard since the room was opened. */
  receipts: Receipt[];
  online: OnlineUser[];
  connection: ConnectionState;
}

/** What changes the channel, and so has a place in its order. */
type ContentFrame = Exclude<Extract<ServerFrame, { seq: number }>, ChatEstablished>;

const PAGE = 50;
const RETRY_MS = 3000;

/** Not to be asked again: the channel is gone, or not for this user. */
const isRefusal = (error: unknown) => error instanceof HttpError && [401, 403, 404].includes(error.status);

/** One room as a list of messages: history, then what is said. */
export class ChatStore extends Store<ChatState> {
  #next: string | null = null;
  #held: ContentFrame[] | null = [];      // frames that wait for the history they follow; null: it is here
  #isAsking = false;
  #pageSeq = 0;                           // what the newest page was read at
  #lastSeq = 0;                           // the list is complete up to here
  #heardFrom = 0;                         // what came after this is, or was, heard
  #close: (() => void) | null = null;
  #loading = 0;
  #typists = new Typists((typing) => this.set({ typing }));
  #retry: ReturnType<typeof setTimeout> | undefined;
  #seen = new Set<string>();              // client_ids whose copy is here

  constructor(private readonly client: KibrayClient, readonly room: Room) {
    super({
      phase: 'loading', channelId: /^\d+$/.test(room.key) ? Number(room.key) : null, messages: [], hasOlder: false,
      isLoadingOlder: false, pending: client.outbox.of(room.key), failures: [], typing: [], receipts: [], online: [],
      connection: room.state,
    });
  }

  protected begin(): () => void {
    const ends = [
      this.room.on('state', (connection) => this.#onState(connection)),
      this.room.on('frame', (frame) => this.#onFrame(frame)),
      this.room.on('resync', ({ seq }) => {
        this.#heardFrom = seq;
        void this.#load();
      }),
      this.client.outbox.on('change', () => this.#showPending()),
      this.client.outbox.on('failed', (failure) => this.#onFailed(failure)),
    ];
    this.set({ connection: this.room.state });
    this.#showPending([]);
    const { since = 0 } = this.room;
    this.#heardFrom = this.room.isOpen ? since : 0;
    const hasMissed = since > this.#lastSeq;   // it was open for somebody else's sake
    if (this.state.channelId === null || (!this.#held && !hasMissed) || this.#isStopped) {
      this.#open();                       // tells which channel it is; or goes on with `since`
    } else {
      void this.#load();
    }
    return () => {
      for (const end of ends) {
        end();
      }
      this.#loading++;
      this.#isAsking = false;
      clearTimeout(this.#retry);
      this.#typists.clear();
      this.#close?.();
      this.#close = null;
    };
  }

  reload = (): void => {
    const isRefused = this.#isStopped;    // then the socket has to get in first
    this.room.retryNow();
    if (!isRefused && this.#held && this.state.channelId !== null) {
      void this.#load();
    }
  };

  loadOlder = async (): Promise<void> => {
    const next = this.#next;
    if (next === null || this.state.isLoadingOlder) {
      return;
    }
    this.set({ isLoadingOlder: true });
    try {
      const page = await this.client.api.next(next);
      if (this.#next !== next) {
        return;                           // another list meanwhile, which this does not lead up to
      }
      this.#next = page.next;
      this.set({ messages: merge(ofPage(page), this.state.messages), hasOlder: page.next !== null });
    } finally {
      this.set({ isLoadingOlder: false });
    }
  };

  dismissFailure = (failure: OutboxFailure): void =>
    this.set({ failures: this.state.failures.filter((other) => other !== failure) });

  retryFailure = (failure: OutboxFailure): void => {
    this.dismissFailure(failure);
    void this.room.queue(failure.entry.frame);
  };

  get #isStopped(): boolean {
    return this.room.state.status === 'stopped';
  }

  #open(): void {
    this.#close ??= this.room.open();
  }

  /** The newest page, then the frames that came after it. */
  async #load(): Promise<void> {
    const round = ++this.#loading;
    const heardFrom = this.#heardFrom;
    this.#isAsking = true;
    this.#held ??= [];
    clearTimeout(this.#retry);
    try {
      const page = await this.client.api.history(this.state.channelId!, { limit: PAGE });
      if (round !== this.#loading) {
        return;
      }
      this.#isAsking = false;
      if (this.#heardFrom !== heardFrom && this.#heardFrom > page.seq) {
        void this.#load();                // the socket joined meanwhile, too late for what the page lacks
      } else {
        this.#show(page);
        this.#open();
      }
    } catch (error) {
      if (round === this.#loading) {
        this.#isAsking = false;
        this.#onLoadFailed(error);
      }
    }
  }

  #onLoadFailed(error: unknown): void {
    this.set({ phase: this.state.phase === 'ready' ? 'ready' : 'failed' });
    if (isRefusal(error)) {
      this.#open();                       // its close code says what it is; if it opens, the history is read
    } else if (!this.#isStopped) {
      this.#retry = setTimeout(() => void this.#load(), RETRY_MS);
    }
  }

  #show(page: MessagePage): void {
    const held = this.#held ?? [];
    this.#held = null;
    this.#next = page.next;
    this.#pageSeq = this.#lastSeq = page.seq;
    this.set({ phase: 'ready', messages: ofPage(page), hasOlder: page.next !== null });
    held.forEach((frame) => this.#onContent(frame));
    this.#showPending([]);
    if (!this.#close && !this.room.isOpen) {
      this.room.since = Math.max(this.room.since ?? 0, page.seq);
    }
  }

  #onState(connection: ConnectionState): void {
    this.set({ connection });
    if (connection.status !== 'open') {
      this.#typists.clear();
    }
    if (connection.status === 'stopped') {
      clearTimeout(this.#retry);
    }
  }

  #onFailed(failure: OutboxFailure): void {
    if (failure.entry.room === this.room.key) {
      this.set({ failures: [...this.state.failures, failure] });
      this.#showPending(this.state.pending.filter(({ key }) => key !== failure.entry.key));
    }
  }

  /** What waits, and of `shown` what another tab has sent while this one's socket is still away: it
   * must not vanish before its copy is here. */
  #showPending(shown = this.state.pending): void {
    const queued = this.client.outbox.of(this.room.key);
    const failed = new Set(this.state.failures.map(({ entry }) => entry.key));
    const sent = shown.filter(({ key, frame }) => frame.type === 'chat_message' && !failed.has(key)
      && !queued.some((entry) => entry.key === key));
    this.set({ pending: [...sent, ...queued].filter(({ client_id }) => !this.#seen.has(client_id)) });
  }

  #onFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case 'connection_established':
        if (frame.endpoint === 'chat') {
          this.#onEstablished(frame);
        }
        break;
      case 'user_joined':
        this.set({ online: [...this.#onlineWithout(frame.user_id),
          { user_id: frame.user_id, username: frame.username, status: 'online' }] });
        break;
      case 'user_left':
        this.set({ online: this.#onlineWithout(frame.user_id) });
        break;
      case 'typing':
        this.#typists.hear(frame);
        break;
      case 'read_receipt':
        this.#onReceipt(frame);
        break;
      case 'chat_message':
      case 'edit_message':
      case 'delete_message':
      case 'batch_update':
        this.#onContent(frame);
    }
  }

  #onEstablished({ channel_id: channelId, online_users: online, resumed, seq }: ChatEstablished): void {
    this.set({ channelId, online });
    this.#heardFrom = resumed ? this.room.since ?? seq : seq;
    if (!this.#isAsking && (this.#held || this.#heardFrom > this.#lastSeq)) {
      void this.#load();
    }
  }

  #onContent(frame: ContentFrame): void {
    if (this.#held) {
      this.#held.push(frame);
      return;
    }
    this.#lastSeq = Math.max(this.#lastSeq, frame.seq);
    if (frame.type === 'chat_message') {
      this.#typists.forget(frame.message.author.id);
      this.#confirm(frame.client_id);
    }
    if (frame.seq <= this.#pageSeq) {
      return;                             // in the page, or further back than it reaches
    }
    const messages = withFrame(this.state.messages, frame);
    if (messages !== this.state.messages) {
      this.set({ messages });
    }
  }

  #confirm(clientId: string | undefined): void {
    if (clientId !== undefined && this.state.pending.some(({ client_id }) => client_id === clientId)) {
      this.#seen.add(clientId);
      this.#showPending();
    }
  }

  #onReceipt({ user_id, username, message_id }: Receipt): void {
    const others = this.state.receipts.filter((receipt) => receipt.user_id !== user_id);
    this.set({ receipts: [...others, { user_id, username, message_id }] });
  }

  #onlineWithout(userId: number): OnlineUser[] {
    return this.state.online.filter((user) => user.user_id !== userId);
  }
}
