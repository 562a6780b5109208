// SPDX-License-Identifier: MIT
import type { Channel, Message, OnlineUser } from 'kibray-client';
import { useStatus } from 'kibray-react';
import { channelTitle, otherOf } from '../lib/channel_name';
import { plural } from '../lib/format';
import { useMe } from '../lib/me';
import { useNames } from '../lib/people';
import { chatPlace } from '../lib/route';
import { relative, useNow } from '../lib/time';
import { Avatar, STATUS_NAMES } from './avatar';
import { Icon } from './icons';

function preview(message: Message, me: number): string {
  const who = message.author.id === me ? 'You' : message.author.username;
  const what = message.content || message.attachments.map((file) => file.file_name).join(', ');
  return `${who}: ${what.replace(/\s+/g, ' ').slice(0, 140)}`;
}

export function ChannelItem({ channel, isCurrent }: { channel: Channel; isCurrent: boolean }) {
  const me = useMe();
  const names = useNames();
  const { statusOf } = useStatus();
  const now = useNow();
  const other = otherOf(channel, me.id);
  const title = channelTitle(channel, me.id, names);
  const last = channel.last_message;
  const unread = isCurrent ? 0 : channel.unread_count;
  return (
    <li>
      <a className={`channel ${unread > 0 ? 'is-unread' : ''}`} href={chatPlace(channel.id)} aria-current={isCurrent ? 'page' : undefined}>
        {other === null
          ? <span className="tile"><Icon name={channel.is_private ? 'lock' : 'hash'} size={18} />
              {channel.is_private && <span className="hidden">private channel</span>}</span>
          : <Avatar id={other} name={title} status={statusOf(other)} />}
        <span className="channel-text">
          <span className="channel-line">
            <span className="channel-name">{title}</span>
            {last && <time dateTime={last.timestamp}>{relative(last.timestamp, now)}</time>}
          </span>
          <span className="channel-line">
            <span className="channel-preview">{last ? preview(last, me.id) : 'Nothing said yet'}</span>
            {unread > 0 && <span className="badge">{unread > 99 ? '99+' : unread}<span className="hidden"> {plural(unread, 'unread message')}</span></span>}
          </span>
        </span>
      </a>
    </li>
  );
}

export function PersonItem({ person, isCurrent }: { person: OnlineUser; isCurrent: boolean }) {
  return (
    <li>
      <a className="channel" href={chatPlace(`direct/${person.user_id}`)} aria-current={isCurrent ? 'page' : undefined}>
        <Avatar id={person.user_id} name={person.username} status={person.status} />
        <span className="channel-text">
          <span className="channel-name">{person.username}</span>
          <span className="channel-preview" aria-hidden="true">{STATUS_NAMES[person.status]}</span>
        </span>
      </a>
    </li>
  );
}
