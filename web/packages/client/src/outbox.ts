// SPDX-License-Identifier: MIT
import { Emitter } from './emitter.js';
import type { DurableFrame, ErrorCode } from './frames.js';
import type { OutboxEntry, OutboxStore } from './outbox_store.js';
import { uid } from './uid.js';

export interface OutboxFailure { entry: OutboxEntry; code: ErrorCode; error: string }

export interface OutboxEvents {
  change: OutboxEntry[];
  /** The server refused it for good; it is not in the queue any more. */
  failed: OutboxFailure;
}

const FRAME_MAX_BYTES = 1_000_000;        // the server's limit, and room for what is put around it

/** What one user has said and the server has not confirmed: in memory for the eye, in a store for
 * other tabs and the next page. */
export class Outbox extends Emitter<OutboxEvents> {
  entries: OutboxEntry[] = [];
  #unsaved = new Map<string, OutboxEntry>();
  #gone = new Set<string>();        // removed here, whatever a slow store still says
  #saves = 0;
  #lastTime = 0;
  #tabs: BroadcastChannel | null;

  constructor(private readonly store: Promise<OutboxStore>, private readonly scope: () => string) {
    super();
    this.#tabs = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('kibray:outbox');
    if (this.#tabs) {
      (this.#tabs as { unref?: () => void }).unref?.();     // Node would not end
      this.#tabs.onmessage = ({ data }: MessageEvent<OutboxFailure | null>) => {
        void this.read();
        if (data && data.entry.scope === this.scope()) {
          this.emit('failed', data);
        }
      };
    }
    void this.read();
  }

  /** Resolves when it would survive a reload. */
  async add(room: string, frame: DurableFrame): Promise<OutboxEntry> {
    const time = this.#lastTime = Math.max(Date.now(), this.#lastTime + 1);
    const entry: OutboxEntry = {
      key: `${time}`.padStart(15, '0') + uid(), scope: this.scope(), room, client_id: uid(), frame, queued_at: time,
    };
    if (new Blob([JSON.stringify(frame)]).size > FRAME_MAX_BYTES) {
      this.emit('failed', { entry, code: 'MESSAGE_TOO_LARGE', error: 'Too large' });
      return entry;
    }
    this.#unsaved.set(entry.key, entry);
    this.#show([...this.entries, entry]);
    try {
      await (await this.store).put(entry);
      this.#unsaved.delete(entry.key);
      this.#saves++;
      this.#tabs?.postMessage(null);
    } catch {
      // No space: it lives as long as this page.
    }
    return entry;
  }

  async remove(entry: OutboxEntry, failure: OutboxFailure | null = null): Promise<void> {
    this.#unsaved.delete(entry.key);
    this.#gone.add(entry.key);
    this.#show(this.entries.filter((other) => other.key !== entry.key));
    if (failure) {
      this.emit('failed', failure);
    }
    try {
      await (await this.store).remove(entry.key);
    } catch {
      // It will be sent again, and known by its client_id.
    }
    this.#tabs?.postMessage(failure);
  }

  /** As it is now, whatever other tabs did. */
  async read(): Promise<OutboxEntry[]> {
    let stored: OutboxEntry[];
    let saves: number;
    do {
      saves = this.#saves;
      stored = await this.store.then((store) => store.all()).catch(() => []);
    } while (saves !== this.#saves);        // one was saved meanwhile: it may be neither here nor there
    const all = new Map([...this.#unsaved.values(), ...stored].map((entry) => [entry.key, entry]));
    const scope = this.scope();
    this.#show([...all.values()].filter((entry) => entry.scope === scope && !this.#gone.has(entry.key)));
    return this.entries;
  }

  of(room: string): OutboxEntry[] {
    return this.entries.filter((entry) => entry.room === room);
  }

  #show(entries: OutboxEntry[]): void {
    this.entries = entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.emit('change', this.entries);
  }
}
