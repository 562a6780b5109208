// SPDX-License-Identifier: MIT
import type { KibrayClient, Room } from 'kibray-client';
import { createContext, type ReactNode, useContext, useEffect } from 'react';

const Context = createContext<KibrayClient | null>(null);

export interface KibrayProviderProps { client: KibrayClient; children?: ReactNode }

/** Makes a client known to the hooks below it, and sends what is unsent, from whatever page and room. */
export function KibrayProvider({ client, children }: KibrayProviderProps) {
  useEffect(() => client.resumeQueue(), [client]);
  return <Context.Provider value={client}>{children}</Context.Provider>;
}

export function useKibray(): KibrayClient {
  const client = useContext(Context);
  if (!client) {
    throw new Error('There is no KibrayProvider above.');
  }
  return client;
}

/** One store for each owner, however many components ask for it. */
export function storeBy<Owner extends object, S>(make: (owner: Owner, client: KibrayClient) => S) {
  const stores = new WeakMap<Owner, S>();
  return (owner: Owner, client: KibrayClient): S => {
    let store = stores.get(owner);
    if (!store) {
      stores.set(owner, (store = make(owner, client)));
    }
    return store;
  };
}

/** A channel's id or name, or direct/<user id>. */
export function useRoom(key: string | number): Room {
  return useKibray().room(key);
}
