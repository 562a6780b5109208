// SPDX-License-Identifier: MIT
import type { TypingFrame } from 'kibray-client';

const FORGET_MS = 7000;           // the server switches off after 6 s; a lost frame must not stay

export interface Typist { user_id: number; username: string }

/** Who types, as far as is known; the last word of each counts for a while. */
export class Typists {
  #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #list: Typist[] = [];

  constructor(private readonly onChange: (list: Typist[]) => void) {}

  hear({ user_id, username, is_typing }: TypingFrame): void {
    clearTimeout(this.#timers.get(user_id));
    const isKnown = this.#list.some((typist) => typist.user_id === user_id);
    if (!is_typing) {
      this.forget(user_id);
      return;
    }
    this.#timers.set(user_id, setTimeout(() => this.forget(user_id), FORGET_MS));
    if (!isKnown) {
      this.#change([...this.#list, { user_id, username }]);
    }
  }

  forget(userId: number): void {
    clearTimeout(this.#timers.get(userId));
    if (this.#timers.delete(userId)) {
      this.#change(this.#list.filter((typist) => typist.user_id !== userId));
    }
  }

  clear(): void {
    for (const { user_id } of this.#list) {
      this.forget(user_id);
    }
  }

  #change(list: Typist[]): void {
    this.#list = list;
    this.onChange(list);
  }
}
