// SPDX-License-Identifier: MIT
import type { Chat } from 'kibray-react';
import { Icon } from '../shell/icons';

/** Instead of a room that one may not or cannot enter. */
export function Refusal({ chat }: { chat: Chat }) {
  const { code } = chat.connection;
  const isForbidden = code === 4403;
  return (
    <div className="empty">
      <Icon name={isForbidden ? 'lock' : 'search'} size={48} />
      <h1>{isForbidden ? 'You may not enter this channel' : 'There is no such channel'}</h1>
      <p className="muted">{isForbidden ? 'Ask its owner to let you in.' : 'It may have been removed.'}</p>
      <div className="empty-buttons">
        <a className="button-quiet" href="#/">Back</a>
        <button type="button" className="button-primary" onClick={chat.reload}>Try again</button>
      </div>
    </div>
  );
}
