// SPDX-License-Identifier: MIT

const THROTTLE_MS = 1000;
const REPEAT_MS = 3000;           // the server forgets after 6 s
const IDLE_MS = 4000;

/** Turns keystrokes into few typing frames, and always switches off. */
export class TypingSignal {
  #isOn = false;
  #sentAt = -Infinity;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #trail: ReturnType<typeof setTimeout> | undefined;

  /** `send` tells whether the frame was sent. */
  constructor(private readonly send: (isTyping: boolean) => boolean) {}

  keystroke(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), IDLE_MS);
    const wait = this.#sentAt + (this.#isOn ? REPEAT_MS : THROTTLE_MS) - Date.now();
    if (wait <= 0) {
      this.#switchOn();
    } else if (!this.#isOn) {
      this.#trail ??= setTimeout(() => this.#switchOn(), wait);     // this may have been the last key
    }
  }

  #switchOn(): void {
    this.#forget();
    if (this.send(true)) {
      this.#isOn = true;
      this.#sentAt = Date.now();
    }
  }

  #forget(): void {
    clearTimeout(this.#trail);
    this.#trail = undefined;
  }

  stop(): void {
    this.#forget();
    clearTimeout(this.#idle);
    if (this.#isOn) {
      this.#isOn = false;
      this.send(false);
    }
  }

  /** The server did it: a message was sent, or the socket is gone. */
  reset(): void {
    this.#forget();
    clearTimeout(this.#idle);
    this.#isOn = false;
  }
}
