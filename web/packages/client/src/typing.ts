// SPDX-License-Identifier: MIT

const THROTTLE_MS = 1000;
const REPEAT_MS = 3000;           // the server forgets after 6 s
const IDLE_MS = 4000;

/** Turns keystrokes into few typing frames, and always switches off. */
export class TypingSignal {
  #isOn = false;
  #sentAt = -Infinity;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** `send` tells whether the frame was sent. */
  constructor(private readonly send: (isTyping: boolean) => boolean) {}

  keystroke(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), IDLE_MS);
    const since = Date.now() - this.#sentAt;
    if (since >= (this.#isOn ? REPEAT_MS : THROTTLE_MS) && this.send(true)) {
      this.#isOn = true;
      this.#sentAt = Date.now();
    }
  }

  stop(): void {
    clearTimeout(this.#idle);
    if (this.#isOn) {
      this.#isOn = false;
      this.send(false);
    }
  }

  /** The server did it: a message was sent, or the socket is gone. */
  reset(): void {
    clearTimeout(this.#idle);
    this.#isOn = false;
  }
}
