// SPDX-License-Identifier: MIT
import type { KibrayClient, Notification } from 'kibray-client';
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { NotificationsStore } from './notifications_store.js';
import { storeBy, useKibray } from './provider.js';

const storeOf = storeBy<KibrayClient, NotificationsStore>((client) => new NotificationsStore(client));

/** The user's notifications; `onArrival` hears of each new one. */
export function useNotifications(onArrival?: (item: Notification) => void) {
  const client = useKibray();
  const store = storeOf(client, client);
  const state = useSyncExternalStore(store.subscribe, store.get, store.get);
  const latest = useRef(onArrival);
  useEffect(() => { latest.current = onArrival; });
  useEffect(() => store.onArrival((item) => latest.current?.(item)), [store]);
  return useMemo(() => ({
    ...state,
    loadMore: store.loadMore,
    markRead: client.notifications.markRead,
    dismiss: client.notifications.dismiss,
    markAllRead: client.notifications.markAllRead,
  }), [state, store, client]);
}
