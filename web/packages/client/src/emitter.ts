// SPDX-License-Identifier: MIT

/** Listeners by event name, typed by a map from names to what they carry. */
export class Emitter<Events extends object> {
  #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Listen; the function that is returned ends it. */
  on<K extends keyof Events>(name: K, listener: (value: Events[K]) => void): () => void {
    let set = this.#listeners.get(name);
    if (!set) {
      this.#listeners.set(name, (set = new Set()));
    }
    const own = (value: Events[K]) => listener(value);   // the same function may listen twice
    set.add(own);
    return () => void set.delete(own);
  }

  /** One listener's exception must not keep the others from hearing. */
  protected emit<K extends keyof Events>(name: K, value: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (value: Events[K]) => void)(value);
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }
}
