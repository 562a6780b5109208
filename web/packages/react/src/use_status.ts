// SPDX-License-Identifier: MIT
import type { KibrayClient, PresenceStatus } from 'kibray-client';
import { useCallback, useSyncExternalStore } from 'react';
import { storeBy, useKibray } from './provider.js';
import { StatusStore } from './status_store.js';

const storeOf = storeBy<KibrayClient, StatusStore>((client) => new StatusStore(client));

/** Who is there, and one's own status. */
export function useStatus() {
  const client = useKibray();
  const store = storeOf(client, client);
  const { people, mine } = useSyncExternalStore(store.subscribe, store.get, store.get);
  const statusOf = useCallback((userId: number): PresenceStatus => people[userId]?.status ?? 'offline', [people]);
  const setStatus = useCallback((status: PresenceStatus) => client.status.set(status), [client]);
  return { people, mine, statusOf, setStatus };
}
