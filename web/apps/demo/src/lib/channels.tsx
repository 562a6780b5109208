// SPDX-License-Identifier: MIT
import type { Channel, Message } from 'kibray-client';
import { useKibray, useNotifications } from 'kibray-react';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { learn } from './people';

const POLL_MS = 15_000;         // other channels have no socket here

interface Channels {
  list: Channel[] | null;
  refresh: () => void;
  /** The open chat knows more than the last poll. */
  patch: (id: number, change: { last_message?: Message | null; unread_count?: number }) => void;
}

const Context = createContext<Channels>({ list: null, refresh: () => {}, patch: () => {} });

export const useChannels = () => useContext(Context);

export function ChannelsProvider({ children }: { children: ReactNode }) {
  const client = useKibray();
  const [list, setList] = useState<Channel[] | null>(null);
  const refresh = useCallback(() => {
    client.api.channels().then((channels) => {
      learn(channels.flatMap(({ last_message: last }) => (last ? [{ id: last.author.id, name: last.author.username }] : [])));
      setList(channels);
    }, () => {});                 // the next poll
  }, [client]);
  const { connection } = useNotifications(refresh);
  useEffect(refresh, [refresh, connection.status]);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && refresh(), POLL_MS);
    document.addEventListener('visibilitychange', refresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', refresh);
    };
  }, [refresh]);
  const patch = useCallback<Channels['patch']>((id, change) => setList((channels) =>
    channels?.map((channel) => (channel.id === id ? { ...channel, ...change } : channel)) ?? null), []);
  const value = useMemo(() => ({ list, refresh, patch }), [list, refresh, patch]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}
