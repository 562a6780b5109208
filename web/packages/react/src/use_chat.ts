// SPDX-License-Identifier: MIT
import type { Room } from 'kibray-client';
import { useMemo, useSyncExternalStore } from 'react';
import { ChatStore } from './chat_store.js';
import { storeBy, useKibray, useRoom } from './provider.js';

const storeOf = storeBy<Room, ChatStore>((room, client) => new ChatStore(client, room));

/** A room's messages and people, and what one can do there. The room is open while it is used. */
export function useChat(key: string | number) {
  const client = useKibray();
  const room = useRoom(key);
  const store = storeOf(room, client);
  const state = useSyncExternalStore(store.subscribe, store.get, store.get);
  return useMemo(() => ({
    ...state,
    room,
    send: room.say.bind(room),
    edit: room.edit.bind(room),
    remove: room.delete.bind(room),
    keystroke: room.keystroke.bind(room),
    stopTyping: room.stopTyping.bind(room),
    markRead: room.markRead.bind(room),
    loadOlder: store.loadOlder,
    reload: store.reload,
    retryFailure: store.retryFailure,
    dismissFailure: store.dismissFailure,
  }), [state, room, store]);
}

export type Chat = ReturnType<typeof useChat>;
