// SPDX-License-Identifier: MIT
import type { DurableFrame } from './frames.js';

export interface OutboxEntry {
  /** Sorts by age. */
  key: string;
  /** Whose it is: server and user. */
  scope: string;
  room: string;
  client_id: string;
  frame: DurableFrame;
  queued_at: number;
}

/** Where entries outlive the page. */
export interface OutboxStore {
  put(entry: OutboxEntry): Promise<void>;
  remove(key: string): Promise<void>;
  /** All, oldest first. */
  all(): Promise<OutboxEntry[]>;
}

const DATABASE = 'kibray';
const TABLE = 'outbox';
const PREFIX = 'kibray:outbox:';

function asPromise<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function open(factory: IDBFactory): Promise<IDBDatabase> {
  const opening = factory.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: 'key' });
  return asPromise(opening);
}

async function indexedStore(factory: IDBFactory): Promise<OutboxStore> {
  let database = await open(factory);
  /** Browsers close databases in the background; once more, then. */
  const table = async (mode: IDBTransactionMode): Promise<IDBObjectStore> => {
    try {
      return database.transaction(TABLE, mode).objectStore(TABLE);
    } catch {
      database = await open(factory);
      return database.transaction(TABLE, mode).objectStore(TABLE);
    }
  };
  return {
    put: async (entry) => void await asPromise((await table('readwrite')).put(entry)),
    remove: async (key) => asPromise((await table('readwrite')).delete(key)),
    all: async () => asPromise((await table('readonly')).getAll() as IDBRequest<OutboxEntry[]>),
  };
}

/** One item for each entry: two tabs that write at once lose nothing. */
function storageStore(storage: Storage): OutboxStore {
  return {
    put: async (entry) => storage.setItem(PREFIX + entry.key, JSON.stringify(entry)),
    remove: async (key) => storage.removeItem(PREFIX + key),
    all: async () => Object.keys(storage).filter((name) => name.startsWith(PREFIX)).sort()
      .map((name) => JSON.parse(storage.getItem(name)!) as OutboxEntry),
  };
}

function memoryStore(): OutboxStore {
  const entries = new Map<string, OutboxEntry>();
  return {
    put: async (entry) => void entries.set(entry.key, entry),
    remove: async (key) => void entries.delete(key),
    all: async () => [...entries.values()],
  };
}

/** IndexedDB, else (private windows, old WebViews) localStorage, else memory. */
export async function openStore(factory: IDBFactory | undefined, storage: Storage | null): Promise<OutboxStore> {
  if (factory) {
    try {
      return await indexedStore(factory);
    } catch {
      // Blocked or broken.
    }
  }
  return storage ? storageStore(storage) : memoryStore();
}
