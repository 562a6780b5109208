// SPDX-License-Identifier: MIT
import type { Channel } from 'kibray-client';
import { type Chat, useStatus } from 'kibray-react';
import { otherOf } from '../lib/channel_name';
import { listOf, plural } from '../lib/format';
import { Avatar, STATUS_NAMES } from '../shell/avatar';
import { Icon } from '../shell/icons';

interface Props { chat: Chat; channel: Channel | undefined; title: string; me: number; onSearch: () => void; isSearching: boolean }

export function ChatHeader({ chat, channel, title, me, onSearch, isSearching }: Props) {
  const { statusOf } = useStatus();
  const direct = /^direct\/(\d+)$/.exec(chat.room.key)?.[1];
  const other = direct ? Number(direct) : channel ? otherOf(channel, me) : null;
  const others = chat.online.filter(({ user_id }) => user_id !== me);
  const subtitle = other !== null ? STATUS_NAMES[statusOf(other)]
    : others.length === 0 ? 'Nobody else is here' : `${plural(others.length, 'other person', 'other people')} here`;
  return (
    <header className="chat-head">
      <a className="icon-button only-phone" href="#/" aria-label="Back to the channels"><Icon name="back" /></a>
      {other === null ? <span className="tile"><Icon name={channel?.is_private ? 'lock' : 'hash'} size={18} /></span>
        : <Avatar id={other} name={title} status={statusOf(other)} />}
      <div className="chat-title">
        <h1>{title}</h1>
        <p className="muted" title={listOf(others.map(({ username }) => username))}>{subtitle}</p>
      </div>
      {other === null && others.length > 0 && (
        <div className="faces" aria-hidden="true">
          {others.slice(0, 4).map((user) => <Avatar key={user.user_id} id={user.user_id} name={user.username} size="small" />)}
        </div>
      )}
      <button type="button" className="icon-button" aria-label="Search in this channel" title="Search" aria-expanded={isSearching} onClick={onSearch}>
        <Icon name="search" />
      </button>
    </header>
  );
}
