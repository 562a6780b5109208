// SPDX-License-Identifier: MIT

const WINDOW_MS = 61_000;      // the server's 60 s, and one for what the network squeezes together
const LEAST = 2;
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Keeps one socket below the server's rate limit. A refusal teaches it the real limit; a quiet
 * window lets it try a higher one again.
 */
export class Pacer {
  #sent: number[] = [];
  #limit: number;
  #pausedUntil = 0;
  #refusals = 0;
  #refusedAt = 0;

  constructor(private readonly configured = 60, private readonly now: () => number = Date.now) {
    this.#limit = configured;
  }

  get limit(): number {
    return this.#limit;
  }

  /** How long until a frame may go that leaves `reserve` places free; 0 is now. */
  waitMs(reserve = 0): number {
    const now = this.now();
    this.#forget(now);
    const allowed = Math.max(1, this.#limit - reserve);
    const blocking = this.#sent[this.#sent.length - allowed];
    return Math.max(0, this.#pausedUntil - now, blocking === undefined ? 0 : blocking + WINDOW_MS - now);
  }

  /** Take a place if there is one. */
  take(reserve = 0): boolean {
    if (this.waitMs(reserve) > 0) {
      return false;
    }
    this.#sent.push(this.now());
    return true;
  }

  /** RATE_LIMIT_EXCEEDED: what was accepted before it is the limit. The frame itself did not count. */
  refused(): void {
    const now = this.now();
    this.#forget(now);
    this.#sent.pop();
    this.#limit = Math.max(LEAST, Math.min(this.#limit, this.#sent.length));
    this.#pausedUntil = now + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#refusals++);
    this.#refusedAt = now;
  }

  #forget(now: number): void {
    while (this.#sent.length > 0 && this.#sent[0]! <= now - WINDOW_MS) {
      this.#sent.shift();
    }
    if (this.#refusals > 0 && now - this.#refusedAt > WINDOW_MS) {
      this.#refusals = 0;
      this.#refusedAt = now;
    }
    if (this.#limit < this.configured && now - this.#refusedAt > WINDOW_MS) {
      this.#limit = Math.min(this.configured, Math.ceil(this.#limit * 1.5));
      this.#refusedAt = now;
    }
  }
}
