// SPDX-License-Identifier: MIT
import type { User } from 'kibray-client';
import { useKibray } from 'kibray-react';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { learn } from './people';

const NOBODY: User = { id: 0, username: '', first_name: '', last_name: '', email: '', is_staff: false, avatar: '' };
const Context = createContext<User>(NOBODY);

export const useMe = () => useContext(Context);

const RETRY_MS = 3000;

export function MeProvider({ children }: { children: ReactNode }) {
  const client = useKibray();
  const [me, setMe] = useState<User>({ ...NOBODY, id: client.session.userId });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let isWanted = true;
    const ask = () => client.api.me().then((user) => {
      learn([{ id: user.id, name: user.username }]);
      if (isWanted) {
        setMe(user);
      }
    }, () => {
      if (isWanted) {
        timer = setTimeout(ask, RETRY_MS);
      }
    });
    void ask();
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [client]);
  return <Context.Provider value={me}>{children}</Context.Provider>;
}
