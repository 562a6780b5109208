// SPDX-License-Identifier: MIT
import { useCallback, useSyncExternalStore } from 'react';
import { useKibray } from './provider.js';

/** Whether somebody is signed in, and who (0: nobody). */
export function useSession() {
  const { session } = useKibray();
  const subscribe = useCallback((listener: () => void) => session.on('token', listener), [session]);
  const userId = useSyncExternalStore(subscribe, () => session.userId, () => 0);
  return { isSignedIn: userId !== 0, userId };
}
