// SPDX-License-Identifier: MIT
import type { Connection } from './connection.js';
import type { ErrorFrame, ServerFrame } from './frames.js';
import type { WithLock } from './locks.js';
import type { Outbox } from './outbox.js';
import type { OutboxEntry } from './outbox_store.js';

const ANSWER_MS = 12_000;         // the server gives up after 5 s
const LATER_MS = 2000;
const RESERVE = 5;                // places for typing, receipts and uploads
const GIVE_UP_AFTER = 5;          // INTERNAL_ERRORs for one frame

type Outcome = 'done' | 'again' | ErrorFrame;

/** Sends one room's part of the outbox: in order, one at a time, each until it is answered. */
export class Sender {
  #isFlushing = false;
  #isWanted = false;
  #current: OutboxEntry | null = null;
  #settle: (outcome: Outcome) => void = () => {};
  #internalErrors = 0;

  constructor(
    private readonly connection: Connection,
    private readonly room: string,
    private readonly outbox: Outbox,
    private readonly withLock: WithLock,
  ) {
    connection.on('state', ({ status }) => (status === 'open' ? this.kick() : this.#settle('again')));
    connection.on('frame', (frame) => this.#onFrame(frame));
  }

  /** There may be something to send. */
  kick(): void {
    this.#isWanted = true;
    if (!this.#isFlushing && this.connection.isOpen) {
      this.#isFlushing = true;
      void this.#flushAll().finally(() => { this.#isFlushing = false; });
    }
  }

  async #flushAll(): Promise<void> {
    while (this.#isWanted && this.connection.isOpen) {
      this.#isWanted = false;
      await this.withLock(`kibray:send:${this.outbox.entries[0]?.scope ?? ''}:${this.room}`, () => this.#flush());
    }
  }

  async #flush(): Promise<void> {
    while (this.connection.isOpen) {
      await this.outbox.read();         // another tab may have sent them
      const entry = this.outbox.of(this.room)[0];
      if (!entry) {
        return;
      }
      const wait = this.connection.pacer.waitMs(RESERVE);
      if (wait > 0) {
        await this.#outcome(wait);
      } else {
        await this.#deliver(entry);
      }
    }
  }

  async #deliver(entry: OutboxEntry): Promise<void> {
    this.#current = entry;
    const answer = this.#outcome(ANSWER_MS);
    this.connection.pacer.take();
    this.connection.send({ ...entry.frame, client_id: entry.client_id });
    const outcome = await answer;
    this.#current = null;
    if (outcome === 'again') {
      return;
    }
    if (outcome === 'done') {
      this.#internalErrors = 0;
      await this.outbox.remove(entry);
    } else if (this.#isWorthTrying(outcome)) {
      await this.#outcome(LATER_MS);
    } else {
      this.#internalErrors = 0;
      await this.outbox.remove(entry, { entry, code: outcome.code, error: outcome.error });
    }
  }

  #isWorthTrying({ code }: ErrorFrame): boolean {
    return code === 'SERVICE_UNAVAILABLE' || code === 'AUTHENTICATION_FAILED'
      || (code === 'INTERNAL_ERROR' && ++this.#internalErrors < GIVE_UP_AFTER);
  }

  /** What happens next, 'again' after so long. */
  #outcome(ms: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('again'), ms);
      this.#settle = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
    });
  }

  #onFrame(frame: ServerFrame): void {
    const current = this.#current;
    const me = this.connection.established?.user_id;
    if (frame.type === 'chat_message' && frame.client_id !== undefined && frame.message.author.id === me) {
      const own = this.outbox.of(this.room).find((entry) => entry.client_id === frame.client_id);
      if (own?.key === current?.key) {
        this.#settle('done');
      } else if (own) {
        void this.outbox.remove(own);     // another tab has sent it, or it was sent before a break
      }
    } else if (current && frame.type === 'error') {
      this.#onError(frame, current);
    } else if (current && (frame.type === 'edit_message' || frame.type === 'delete_message')
      && frame.type === current.frame.type && frame.message_id === current.frame.message_id && frame.user_id === me) {
      this.#settle('done');
    }
  }

  #onError(frame: ErrorFrame, current: OutboxEntry): void {
    if (frame.client_id === current.client_id) {
      // What is to be deleted and cannot be named any more is gone.
      const isGone = current.frame.type === 'delete_message' && frame.code === 'INVALID_MESSAGE';
      this.#settle(isGone ? 'done' : frame);
    } else if (frame.code === 'RATE_LIMIT_EXCEEDED') {
      this.#settle('again');              // it names nobody; a repeat of what was stored is harmless
    }
  }
}
