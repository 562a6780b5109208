// SPDX-License-Identifier: MIT
import type { Connection } from 'kibray-client';
import { useCallback, useSyncExternalStore } from 'react';
import { useKibray } from './provider.js';

/** How a connection is (that of the notifications, if none is given), and how much waits unsent. */
export function useConnection(connection?: Connection) {
  const client = useKibray();
  const watched = connection ?? client.notifications;
  const subscribe = useCallback((listener: () => void) => watched.on('state', listener), [watched]);
  const state = useSyncExternalStore(subscribe, () => watched.state, () => watched.state);
  const subscribeQueue = useCallback((listener: () => void) => client.outbox.on('change', listener), [client]);
  const queue = useSyncExternalStore(subscribeQueue, () => client.outbox.entries, () => client.outbox.entries);
  const retryNow = useCallback(() => watched.retryNow(), [watched]);
  return { ...state, isOnline: state.status === 'open', queueLength: queue.length, retryNow };
}
