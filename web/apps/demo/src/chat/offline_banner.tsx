// SPDX-License-Identifier: MIT
import { type Chat, useConnection } from 'kibray-react';
import { useEffect, useState } from 'react';
import { plural } from '../lib/format';
import { Icon } from '../shell/icons';

const PATIENCE_MS = 1200;         // a short break is nobody's business

/** That the connection is away, what waits for it, and when it is tried again. */
export function OfflineBanner({ chat }: { chat: Chat }) {
  const { status, retryAt, retryNow } = useConnection(chat.room);
  const isAway = status === 'waiting' || (status === 'connecting' && chat.connection.attempt > 0);
  const [isShown, setIsShown] = useState(false);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!isAway) {
      setIsShown(false);
      return;
    }
    const patience = setTimeout(() => setIsShown(true), PATIENCE_MS);
    const ticks = setInterval(() => setNow(Date.now()), 500);
    return () => {
      clearTimeout(patience);
      clearInterval(ticks);
    };
  }, [isAway]);
  const waiting = chat.pending.length;
  const wait = retryAt ? Math.max(0, Math.ceil((retryAt - now) / 1000)) : 0;
  return (
    <div className="banner-place" role="status">
      {isShown && (
        <div className="banner">
          <Icon name="offline" />
          <span>
            <strong>You are offline.</strong>{' '}
            {waiting > 0 ? `${plural(waiting, 'message')} will be sent when you are back.` : 'What you write is kept.'}
          </span>
          <button type="button" className="link-button" onClick={retryNow}>
            {status === 'connecting' ? 'Trying…' : <>Try now<span className="countdown" aria-hidden="true"> ({wait} s)</span></>}
          </button>
        </div>
      )}
    </div>
  );
}
