// SPDX-License-Identifier: MIT

const DELAY_MS = 100;
const MOST = 50;

/** Collects updates for 100 ms and sends them in batches of at most 50, in order. */
export class Batcher {
  #updates: object[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `send` tells whether it could: 0, or how long to wait. */
  constructor(private readonly send: (updates: object[]) => number) {}

  add(update: object): void {
    this.#updates.push(update);
    this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#updates.length > 0) {
      const wait = this.send(this.#updates.slice(0, MOST));
      if (wait > 0) {
        this.#timer = setTimeout(() => this.flush(), wait);
        return;
      }
      this.#updates.splice(0, MOST);
    }
  }
}
