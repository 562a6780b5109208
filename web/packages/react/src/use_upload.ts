// SPDX-License-Identifier: MIT
import type { Room } from 'kibray-client';
import { useSyncExternalStore } from 'react';
import { storeBy, useKibray, useRoom } from './provider.js';
import { UploadsStore } from './uploads_store.js';

const storeOf = storeBy<Room, UploadsStore>((room) => new UploadsStore(room));

/** Files on their way into a room. */
export function useUpload(key: string | number) {
  const store = storeOf(useRoom(key), useKibray());
  const { items } = useSyncExternalStore(store.subscribe, store.get, store.get);
  return { items, add: store.add, remove: store.remove };
}
