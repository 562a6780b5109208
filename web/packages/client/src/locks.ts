// SPDX-License-Identifier: MIT
import { uid } from './uid.js';

/** Run the body when no other tab runs one of that name. */
export type WithLock = (name: string, body: () => Promise<void>) => Promise<void>;

const LEASE_MS = 10_000;
const LOOK_MS = 250;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Web Locks; without them a lease in localStorage that its holder renews; without that no lock. */
export function lockBy(locks: LockManager | undefined, storage: Storage | null): WithLock {
  if (locks) {
    return async (name, body) => void await locks.request(name, body);
  }
  return storage ? (name, body) => withLease(storage, name, body) : (_name, body) => body();
}

async function withLease(storage: Storage, name: string, body: () => Promise<void>): Promise<void> {
  const me = uid();
  const take = () => storage.setItem(name, `${Date.now() + LEASE_MS} ${me}`);
  const holder = () => (storage.getItem(name) ?? '').split(' ');
  for (;;) {
    if (!(Number(holder()[0]) > Date.now())) {
      take();
      await sleep(20 + Math.random() * 30);       // who wrote last has it
      if (holder()[1] === me) {
        break;
      }
    }
    await sleep(LOOK_MS);
  }
  const renewal = setInterval(take, LEASE_MS / 4);
  try {
    await body();
  } finally {
    clearInterval(renewal);
    if (holder()[1] === me) {
      storage.removeItem(name);
    }
  }
}
