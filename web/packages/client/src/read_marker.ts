// SPDX-License-Identifier: MIT

const DELAY_MS = 400;
const LATER_MS = 3000;

/** "Read up to here": the last word counts, and is told until the server has it. (Which of two
 * messages is further, only the server knows: ids do not tell.) */
export class ReadMarker {
  #wanted = 0;
  #told = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `send` tells whether the frame was sent. */
  constructor(private readonly send: (messageId: number) => boolean) {}

  mark(messageId: number): void {
    this.#wanted = messageId;
    this.#plan(DELAY_MS);
  }

  /** The socket is there again: what was told before may not have arrived. */
  reconnected(): void {
    this.#told = 0;
    this.#plan(DELAY_MS);
  }

  #plan(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#wanted !== this.#told) {
        if (this.send(this.#wanted)) {
          this.#told = this.#wanted;
        } else {
          this.#plan(LATER_MS);
        }
      }
    }, ms);
  }
}
