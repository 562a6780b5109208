// SPDX-License-Identifier: MIT
import { useChat, useNotifications, useStatus, useUpload } from 'kibray-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { channelTitle, otherOf } from '../lib/channel_name';
import { useChannels } from '../lib/channels';
import { useMe } from '../lib/me';
import { learn, useNames } from '../lib/people';
import { Icon } from '../shell/icons';
import { ChatHeader } from './chat_header';
import { Composer } from './composer';
import { DeleteDialog } from './delete_dialog';
import { firstUnreadOf } from './groups';
import { MessageList, type MessageListHandle } from './message_list';
import { OfflineBanner } from './offline_banner';
import { Refusal } from './refusal';
import { SearchPanel } from './search_panel';
import { StatusLine } from './status_line';
import { useFileDrop } from './use_file_drop';

export function ChatPane({ room }: { room: string }) {
  const chat = useChat(room);
  const me = useMe();
  const uploads = useUpload(room);
  const list = useRef<MessageListHandle>(null);
  const [replyId, setReplyId] = useState<number | null>(null);
  const [editId, setEditId] = useState<number | null>(null);
  const [deleteId, setDeleteId] = useState<number | null>(null);
  const [isSearching, setIsSearching] = useState(false);
  const { channel, title } = useChannel(room, chat.channelId);
  const firstUnread = useFirstUnread(chat.phase === 'ready' ? chat.messages : null, channel?.unread_count ?? 0, me.id);
  const addFiles = useCallback((files: Iterable<File>) => void uploads.add(files, { post: false }), [uploads.add]);
  const drop = useFileDrop(addFiles);
  const mentionable = useMentionable(chat);
  const find = (id: number | null) => chat.messages.find((message) => message.id === id) ?? null;
  usePatchedList(chat);
  useReadNotifications(chat.channelId);

  useEffect(() => learn(chat.messages.map(({ author }) => ({ id: author.id, name: author.username }))), [chat.messages]);
  useEffect(() => {
    document.title = `${title} · Kibray`;
    return () => { document.title = 'Kibray'; };
  }, [title]);

  const onReply = useCallback((id: number) => { setEditId(null); setReplyId(id); }, []);
  const onEdit = useCallback((id: number) => { setReplyId(null); setEditId(id); }, []);
  const onDone = useCallback(() => { setReplyId(null); setEditId(null); list.current?.toEnd(); }, []);
  const onEditLast = () => {
    const own = chat.messages.filter(({ author, deleted_at, content }) => author.id === me.id && !deleted_at && content !== '');
    setEditId(own.at(-1)?.id ?? null);
  };

  if (chat.connection.status === 'stopped') {
    return <Refusal chat={chat} />;
  }
  const deleting = find(deleteId);
  return (
    <div className={`chat ${isSearching ? 'is-searching' : ''}`}>
      <section className="chat-column" aria-label={title} {...drop.handlers}>
        <ChatHeader chat={chat} channel={channel} title={title} me={me.id} isSearching={isSearching} onSearch={() => setIsSearching(!isSearching)} />
        <OfflineBanner chat={chat} />
        {chat.phase === 'ready'
          ? <MessageList ref={list} chat={chat} firstUnread={firstUnread} onSeen={chat.markRead} onReply={onReply} onEdit={onEdit} onDelete={setDeleteId} />
          : <Loading isFailed={chat.phase === 'failed'} onRetry={chat.reload} />}
        <StatusLine chat={chat} me={me.id} />
        <Composer chat={chat} title={title} names={mentionable} replyTo={find(replyId)} editing={find(editId)}
          uploads={{ items: uploads.items, add: addFiles, remove: (item) => uploads.remove(item.upload) }}
          onDone={onDone} onEditLast={onEditLast} />
        {drop.isOver && <div className="drop"><Icon name="attach" size={40} /><span>Drop files to send them to {title}</span></div>}
      </section>
      {isSearching && chat.channelId !== null && (
        <SearchPanel channelId={chat.channelId} title={title} onClose={() => setIsSearching(false)}
          onJump={(id) => {
            void list.current?.jumpTo(id);
            if (window.matchMedia('(max-width: 720px)').matches) {
              setIsSearching(false);            // it covers what was found
            }
          }} />
      )}
      {deleting && (
        <DeleteDialog message={deleting} onClose={() => setDeleteId(null)}
          onDelete={() => { void chat.remove(deleting.id); setDeleteId(null); }} />
      )}
    </div>
  );
}

/** The channel of a room's key, and what it is called. */
function useChannel(key: string, channelId: number | null) {
  const me = useMe();
  const names = useNames();
  const { list } = useChannels();
  const direct = Number(/^direct\/(\d+)$/.exec(key)?.[1] ?? 0);
  const channel = list?.find((one) => one.id === channelId || one.name === key || (direct && otherOf(one, me.id) === direct));
  const known = channel ? channelTitle(channel, me.id, names) : names[direct];
  return { channel, title: known ?? (direct ? `Person ${direct}` : /^\d+$/.test(key) ? 'Channel' : key) };
}

/** Whoever is in a chat need not be told of it any more. */
function useReadNotifications(channelId: number | null): void {
  const { items, markRead } = useNotifications();
  useEffect(() => {
    const look = () => {
      for (const item of items) {
        if (item.status === 'unread' && item.url === `/chat/${channelId}` && document.visibilityState === 'visible') {
          markRead(item.id);
        }
      }
    };
    look();
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, [items, channelId, markRead]);
}

/** Fixed when the room is entered: the line must not move while one reads. */
function useFirstUnread(messages: Parameters<typeof firstUnreadOf>[0] | null, count: number, me: number): number | null {
  const decided = useRef<number | null | undefined>(undefined);
  if (decided.current === undefined && messages) {
    decided.current = firstUnreadOf(messages, count, me);
  }
  return decided.current ?? null;
}

/** Whom one would want to name here. */
function useMentionable(chat: ReturnType<typeof useChat>): string[] {
  const { people } = useStatus();
  const me = useMe();
  return useMemo(() => {
    const here = [...chat.messages.map(({ author }) => author.username), ...chat.online.map(({ username }) => username),
      ...Object.values(people).map(({ username }) => username)];
    return [...new Set(here)].filter((name) => name !== me.username).sort((a, b) => a.localeCompare(b));
  }, [chat.messages, chat.online, people, me.username]);
}

/** The list of channels has what is said here at once. */
function usePatchedList(chat: ReturnType<typeof useChat>): void {
  const { patch, refresh } = useChannels();
  const last = chat.messages.findLast(({ deleted_at }) => !deleted_at);
  const { channelId } = chat;
  useEffect(() => {
    if (channelId !== null && last) {
      patch(channelId, { last_message: last, unread_count: 0 });
    }
  }, [patch, channelId, last]);
  useEffect(() => {
    if (channelId !== null) {
      refresh();                        // a direct channel may have been made just now
    }
  }, [refresh, channelId]);
}

function Loading({ isFailed, onRetry }: { isFailed: boolean; onRetry: () => void }) {
  return isFailed ? (
    <div className="empty">
      <Icon name="offline" size={48} />
      <h2>The messages cannot be read now</h2>
      <button type="button" className="button-primary" onClick={onRetry}>Try again</button>
    </div>
  ) : (
    <div className="messages-frame loading" role="status" aria-label="Loading messages">
      {[62, 38, 74, 50, 30, 66].map((width) => (
        <div key={width} className="skeleton-row">
          <span className="skeleton skeleton-tile" />
          <span className="skeleton skeleton-lines" style={{ width: `${width}%` }} />
        </div>
      ))}
    </div>
  );
}
