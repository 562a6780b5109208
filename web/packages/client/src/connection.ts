// SPDX-License-Identifier: MIT
import { backoffMs } from './backoff.js';
import { Emitter } from './emitter.js';
import type { ClientFrame, Established, FrameOf, FrameType, ServerFrame } from './frames.js';
import { Pacer } from './pacer.js';
import type { Session } from './session.js';

export type ConnectionStatus = 'idle' | 'connecting' | 'open' | 'waiting' | 'stopped' | 'signed_out';

export interface ConnectionState {
  status: ConnectionStatus;
  /** Failures in a row. */
  attempt: number;
  /** waiting: when the next attempt is made (Date.now()). */
  retryAt?: number;
  /** The last close code; stopped: 4403 or 4404. */
  code?: number;
}

type FrameEvents = { [T in FrameType]: FrameOf<T> };
export interface ConnectionEvents extends FrameEvents {
  state: ConnectionState;
  /** Every frame, after the listeners of its type. */
  frame: ServerFrame;
  /** Frames may be missing: read the history again. */
  resync: { seq: number };
}

export interface ConnectionOptions {
  session: Session;
  /** The address for the next attempt. */
  url: () => string;
  WebSocket: typeof WebSocket;
  rateLimit: number;
  random?: () => number;
}

const HEARTBEAT_MS = 25_000;
const ANSWER_MS = 10_000;         // silence after a ping that means a dead connection
const PROBE_MS = 3000;            // the same when there is a reason to doubt
const OPENING_MS = 20_000;
const LINGER_MS = 300;            // a component that is mounted twice keeps its socket
const FULL_MS = 30_000;           // 4429: too many sockets or refusals

/** One socket that is there as long as somebody wants it. */
export class Connection extends Emitter<ConnectionEvents> {
  state: ConnectionState = { status: 'idle', attempt: 0 };
  established: Established | null = null;
  readonly pacer: Pacer;
  #socket: WebSocket | null = null;
  #round = 0;                       // so that a late answer of an earlier attempt is passed over
  #users = 0;
  #token: string | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: ConnectionOptions) {
    super();
    this.pacer = new Pacer(options.rateLimit);
    options.session.on('token', (token) => this.#onToken(token));
  }

  get isOpen(): boolean {
    return this.state.status === 'open';
  }

  /** Want it; the function that is returned ends that. It is closed when nobody wants it. */
  open(): () => void {
    clearTimeout(this.#linger);
    if (this.#users++ === 0 && this.state.status === 'idle') {
      globalThis.addEventListener?.('online', this.#onOnline);
      globalThis.addEventListener?.('offline', this.#onDoubt);
      globalThis.document?.addEventListener('visibilitychange', this.#onDoubt);
      void this.#connect();
    }
    let isWanted = true;
    return () => {
      if (isWanted) {
        isWanted = false;
        if (--this.#users === 0) {
          this.#linger = setTimeout(() => this.#end(), LINGER_MS);
        }
      }
    };
  }

  /** Now instead of after the wait; also after `stopped`. */
  retryNow(): void {
    if (this.#users > 0 && this.state.status !== 'open' && this.state.status !== 'connecting') {
      void this.#connect();
    }
  }

  /** False when it is not open: nothing was sent. */
  send(frame: ClientFrame): boolean {
    if (!this.isOpen || this.#socket?.readyState !== 1) {
      return false;
    }
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Send a frame that counts, if there is room; for what may as well be left out. */
  sendIfRoom(frame: ClientFrame, reserve: number): boolean {
    return this.isOpen && this.pacer.take(reserve) && this.send(frame);
  }

  /** A refusal may mean bytes of files, which the pacer does not count. */
  protected get isUploading(): boolean {
    return false;
  }

  /** Before listeners hear of a frame. */
  protected onFrame(_frame: ServerFrame): void { /* for subclasses */ }

  #set(state: ConnectionState): void {
    this.state = state;
    this.emit('state', state);
  }

  async #connect(): Promise<void> {
    const round = ++this.#round;
    clearTimeout(this.#retry);
    this.#set({ ...this.state, status: 'connecting', retryAt: undefined });
    try {
      this.#token = await this.options.session.accessToken();
    } catch {
      if (round === this.#round) {
        this.#wait(this.#backoff());
      }
      return;
    }
    if (round !== this.#round) {
      return;
    }
    // As a subprotocol the token stays out of addresses, and so out of logs.
    const socket = new this.options.WebSocket(this.options.url(), this.#token ? ['bearer', this.#token] : []);
    this.#socket = socket;
    this.#watchFor(OPENING_MS);
    socket.onmessage = (event) => round === this.#round && this.#onMessage(event.data as string);
    socket.onclose = (event) => round === this.#round && void this.#onClose(event.code, event.reason);
  }

  #onMessage(text: string): void {
    let frame: ServerFrame;
    try {
      frame = JSON.parse(text) as ServerFrame;
    } catch {
      return;
    }
    this.#watchFor(HEARTBEAT_MS);
    if (frame.type === 'connection_established') {
      this.established = frame;
      this.#set({ status: 'open', attempt: 0 });
    } else if (frame.type === 'error' && frame.code === 'RATE_LIMIT_EXCEEDED' && this.isOpen && !this.isUploading) {
      this.pacer.refused();
    }
    this.onFrame(frame);
    this.emit(frame.type, frame as never);
    this.emit('frame', frame);
  }

  async #onClose(code: number, reason: string): Promise<void> {
    const { attempt } = this.state;
    this.#drop();
    if (code === 4403 || code === 4404) {
      this.#set({ status: 'stopped', attempt, code });
    } else if (code === 4401) {
      await this.#reauthenticate(attempt);
    } else if (code === 1012) {
      const told = Number(/retry_ms=(\d+)/.exec(reason)?.[1] ?? NaN);
      this.#wait(Number.isNaN(told) ? this.#backoff() : told, code);
    } else {
      this.#wait(code === 4429 ? FULL_MS + this.#backoff() : this.#backoff(), code);
    }
  }

  async #reauthenticate(attempt: number): Promise<void> {
    const round = this.#round;
    this.#set({ status: 'connecting', attempt: attempt + 1, code: 4401 });
    let isNew = false;
    try {
      isNew = await this.options.session.renew(this.#token);
    } catch {
      isNew = true;               // the server is away; whether the token is good is not known
      attempt = Math.max(attempt, 1);
    }
    if (round !== this.#round) {
      return;
    }
    if (!isNew) {
      this.#set({ status: 'signed_out', attempt, code: 4401 });
    } else if (attempt === 0) {
      void this.#connect();
    } else {
      this.#wait(this.#backoff(), 4401);        // a new token is refused, too: not at once again
    }
  }

  #backoff(): number {
    return backoffMs(this.state.attempt, this.options.random);
  }

  #wait(delay: number, code?: number): void {
    this.#set({ status: 'waiting', attempt: this.state.attempt + 1, retryAt: Date.now() + delay, code });
    this.#retry = setTimeout(() => void this.#connect(), delay);
  }

  /** Something must come within the time: else ask, else it is dead. */
  #watchFor(ms: number): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => (this.isOpen ? this.#probe(ANSWER_MS) : this.#dead()), ms);
  }

  #probe(answerMs: number): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#dead(), answerMs);
    this.send({ type: 'ping' });
  }

  #dead(): void {
    this.#drop();
    this.#wait(this.#backoff());
  }

  /** Let go of the socket without waiting for it: a dead one takes minutes to close. */
  #drop(): void {
    this.#round++;
    clearTimeout(this.#watch);
    clearTimeout(this.#retry);
    if (this.#socket) {
      this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = null;
    }
  }

  #end(): void {
    globalThis.removeEventListener?.('online', this.#onOnline);
    globalThis.removeEventListener?.('offline', this.#onDoubt);
    globalThis.document?.removeEventListener('visibilitychange', this.#onDoubt);
    this.#drop();
    this.#set({ status: 'idle', attempt: 0 });
  }

  #onToken(token: string | null): void {
    if (token === null) {
      if (this.#users > 0 && this.state.status !== 'signed_out') {
        this.#drop();
        this.#set({ status: 'signed_out', attempt: 0 });
      }
    } else if (this.state.status === 'signed_out') {
      this.retryNow();
    } else if (this.isOpen && this.#token !== undefined && token !== this.#token) {
      if (this.options.session.userId === this.established?.user_id) {
        this.#token = token;
        this.send({ type: 'refresh_token', token });
      } else {                      // somebody else, without a logout
        this.#drop();
        void this.#connect();
      }
    }
  }

  #onOnline = (): void => this.retryNow();

  #onDoubt = (): void => {
    if (this.isOpen) {
      this.#probe(PROBE_MS);
    } else if (globalThis.document?.visibilityState === 'visible' && this.state.status === 'waiting') {
      this.retryNow();
    }
  };
}
