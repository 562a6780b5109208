// SPDX-License-Identifier: MIT
import { Emitter } from './emitter.js';

/** Refreshed so long before it ends, or after four fifths of a short life. */
const EARLY_MS = 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Stored { access: string; refresh: string; endsAt: number; lifeMs: number }
interface Claims { exp?: number; iat?: number; user_id?: number | string }

export interface SessionEvents {
  /** A new access token; null: signed out. */
  token: string | null;
}

function claimsOf(token: string): Claims {
  try {
    const part = token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/');
    return JSON.parse(atob(part)) as Claims;
  } catch {
    return {};
  }
}

/** The two tokens of one login, shared by all tabs through `storage`, renewed before they end. */
export class Session extends Emitter<SessionEvents> {
  #stored: Stored | null = null;
  #renewal: Promise<boolean> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly key: string,
    private readonly storage: Storage | null,
    private readonly askForAccess: (refresh: string) => Promise<string | null>,
  ) {
    super();
    this.#load();
    // Another tab has renewed the token, logged in or logged out.
    globalThis.addEventListener?.('storage', (event) => {
      if ((event as StorageEvent).key === this.key) {
        const before = this.#stored?.access;
        this.#load();
        if (this.#stored?.access !== before) {
          this.emit('token', this.#stored?.access ?? null);
        }
      }
    });
  }

  get isSignedIn(): boolean {
    return this.#stored !== null;
  }

  get refreshToken(): string | null {
    return this.#stored?.refresh ?? null;
  }

  /** From the token; 0 when there is none (a session cookie, or nobody). */
  get userId(): number {
    return this.#stored ? Number(claimsOf(this.#stored.access).user_id ?? 0) : 0;
  }

  set(access: string, refresh: string): void {
    this.#keep(access, refresh);
    this.emit('token', access);
  }

  clear(): void {
    if (this.#stored) {
      this.#stored = null;
      clearTimeout(this.#timer);
      this.storage?.removeItem(this.key);
      this.emit('token', null);
    }
  }

  /** A token that is still good for a while; undefined without a login. */
  async accessToken(): Promise<string | undefined> {
    if (this.#stored && this.#stored.endsAt - Date.now() < 1000) {
      await this.renew(this.#stored.access);
    }
    return this.#stored?.access;
  }

  /**
   * Replace a token that was refused. False: there is no way but a new login (then it is signed
   * out). Rejects when the server cannot be asked.
   */
  renew(refused?: string): Promise<boolean> {
    if (!this.#stored) {
      return Promise.resolve(false);
    }
    if (refused !== undefined && refused !== this.#stored.access) {
      return Promise.resolve(true);
    }
    this.#renewal ??= this.#renewNow(this.#stored.refresh).finally(() => { this.#renewal = null; });
    return this.#renewal;
  }

  async #renewNow(refresh: string): Promise<boolean> {
    const access = await this.askForAccess(refresh);
    if (this.#stored?.refresh !== refresh) {
      return this.#stored !== null;           // logged out or in again meanwhile
    }
    if (access === null) {
      this.clear();
      return false;
    }
    this.set(access, refresh);
    return true;
  }

  #keep(access: string, refresh: string): void {
    const { exp = 0, iat = 0 } = claimsOf(access);
    const lifeMs = Math.max(0, exp - iat) * 1000;
    // By this machine's clock, which may be wrong: only the span of the claims is used.
    this.#stored = { access, refresh, lifeMs, endsAt: Date.now() + (lifeMs || LONGEST_TIMER_MS) };
    this.storage?.setItem(this.key, JSON.stringify(this.#stored));
    this.#plan();
  }

  #load(): void {
    try {
      this.#stored = JSON.parse(this.storage?.getItem(this.key) ?? 'null') as Stored | null;
    } catch {
      this.#stored = null;
    }
    this.#plan();
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#stored?.lifeMs) {
      const early = Math.min(EARLY_MS, this.#stored.lifeMs / 5);
      const delay = this.#stored.endsAt - early - Date.now();
      this.#timer = setTimeout(() => this.#renewEarly(), Math.min(Math.max(delay, 0), LONGEST_TIMER_MS));
    }
  }

  #renewEarly(): void {
    this.renew(this.#stored?.access).catch(() => {
      // The server is away: again in a while. A socket that comes back renews by itself.
      this.#timer = setTimeout(() => this.#renewEarly(), EARLY_MS / 4);
    });
  }
}
