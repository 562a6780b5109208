// SPDX-License-Identifier: MIT

/** State outside of React that lives while somebody looks at it: begun by the first subscriber,
 * ended after the last. So a component that is mounted twice changes nothing. */
export abstract class Store<State> {
  #listeners = new Set<() => void>();
  #stop: (() => void) | null = null;

  constructor(protected state: State) {}

  get = (): State => this.state;

  subscribe = (listener: () => void): (() => void) => {
    const own = () => listener();
    this.#listeners.add(own);
    this.#stop ??= this.begin();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) {
        this.#stop?.();
        this.#stop = null;
      }
    };
  };

  /** The first subscriber is there; what is returned is called after the last has gone. */
  protected abstract begin(): () => void;

  protected set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const listener of [...this.#listeners]) {
      listener();
    }
  }
}
