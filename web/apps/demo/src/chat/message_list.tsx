// SPDX-License-Identifier: MIT
import { type Chat, useConnection } from 'kibray-react';
import { forwardRef, type KeyboardEvent, useEffect, useImperativeHandle, useMemo, useRef, useState } from 'react';
import { plural } from '../lib/format';
import { useMe } from '../lib/me';
import { useNow } from '../lib/time';
import { Icon } from '../shell/icons';
import { rowsOf } from './groups';
import { MessageItem } from './message_item';
import { FailureItem, PendingItem } from './pending_item';
import { useScroll } from './use_scroll';

const LIT_MS = 2000;
const PAGES_MOST = 40;         // how far a jump goes back

export interface MessageListHandle { jumpTo: (id: number) => Promise<void>; toEnd: () => void }

interface Props {
  chat: Chat;
  firstUnread: number | null;
  onSeen: (id: number) => void;
  onReply: (id: number) => void;
  onEdit: (id: number) => void;
  onDelete: (id: number) => void;
}

export const MessageList = forwardRef<MessageListHandle, Props>(function MessageList(props, handle) {
  const { chat, firstUnread, onSeen, onReply, onEdit, onDelete } = props;
  const { messages, pending, failures, hasOlder, loadOlder } = chat;
  const me = useMe();
  const now = useNow();
  const { isOnline } = useConnection(chat.room);
  const list = useRef<HTMLDivElement>(null);
  const said = pending.filter(({ frame }) => frame.type === 'chat_message');
  const rows = useMemo(() => rowsOf(messages, firstUnread), [messages, firstUnread]);
  const last = messages.at(-1);
  const { isAtEnd, toEnd, onScroll } = useScroll(list, {
    first: messages[0]?.id, last: `${last?.id} ${said.length} ${failures.length}`, hasOlder, loadOlder,
  });
  const [lit, setLit] = useState<number | null>(null);
  const newest = useRef(chat);
  newest.current = chat;

  const jumpTo = async (id: number) => {
    for (let page = 0; page < PAGES_MOST && newest.current.hasOlder && !newest.current.messages.some((one) => one.id === id); page++) {
      await newest.current.loadOlder();
      await new Promise(requestAnimationFrame);
    }
    const element = list.current?.querySelector<HTMLElement>(`[data-message="${id}"]`);
    element?.scrollIntoView({ block: 'center' });
    element?.focus({ preventScroll: true });
    setLit(id);
    setTimeout(() => setLit(null), LIT_MS);
  };
  useImperativeHandle(handle, () => ({ jumpTo, toEnd: () => toEnd() }));

  const newCount = useNewBelow(isAtEnd, messages.filter(({ author }) => author.id !== me.id).length);
  useEffect(() => {
    const see = () => isAtEnd && last && document.visibilityState === 'visible' && onSeen(last.id);
    see();
    document.addEventListener('visibilitychange', see);
    return () => document.removeEventListener('visibilitychange', see);
  }, [isAtEnd, last, onSeen]);

  return (
    <div className="messages-frame">
      <div ref={list} className="messages" onScroll={onScroll} tabIndex={0} role="region" aria-label="Messages"
        onKeyDown={(event) => moveFocus(event, list.current!)}>
        <ol className="message-rows">
          {hasOlder ? <li className="older" aria-hidden="true"><span className="skeleton skeleton-lines" /></li>
            : <li className="beginning">This is the beginning of the conversation.</li>}
          {rows.map((row) => (
            <MessageItem key={row.message.id} row={row} chat={chat} me={me} now={now} isLit={lit === row.message.id}
              pendingEdit={pending.find(({ frame }) => frame.type !== 'chat_message' && frame.message_id === row.message.id)}
              onReply={onReply} onEdit={onEdit} onDelete={onDelete} onJump={(id) => void jumpTo(id)} />
          ))}
          {said.map((entry, i) => (
            <PendingItem key={entry.client_id} entry={entry} me={me} isOnline={isOnline} startsRun={i === 0 && last?.author.id !== me.id} />
          ))}
          {failures.map((failure) => (
            <FailureItem key={failure.entry.key} failure={failure} onRetry={() => chat.retryFailure(failure)}
              onDiscard={() => chat.dismissFailure(failure)} />
          ))}
        </ol>
      </div>
      {!isAtEnd && (
        <button type="button" className="to-end" onClick={() => toEnd(true)}>
          <Icon name="down" size={17} />{newCount > 0 ? plural(newCount, 'new message') : 'To the newest'}
        </button>
      )}
      <Announcer chat={chat} me={me.id} />
    </div>
  );
});

/** How many came while the reader was further up. */
function useNewBelow(isAtEnd: boolean, count: number): number {
  const seen = useRef(count);
  if (isAtEnd || count < seen.current) {
    seen.current = count;
  }
  const isPrepended = count - seen.current >= 20;         // a page above, not people below
  if (isPrepended) {
    seen.current = count;
  }
  return count - seen.current;
}

/** The arrows go from message to message, Escape back to where one writes. */
function moveFocus(event: KeyboardEvent<HTMLElement>, list: HTMLElement): void {
  const target = event.target as HTMLElement;
  if (event.key === 'Escape') {
    document.querySelector<HTMLElement>('.composer textarea')?.focus();
  }
  if ((event.key !== 'ArrowUp' && event.key !== 'ArrowDown') || !(target === list || target.dataset.message)) {
    return;
  }
  const items = [...list.querySelectorAll<HTMLElement>('[data-message]')];
  const at = items.indexOf(target);
  const next = at < 0 ? items.at(-1) : items[at + (event.key === 'ArrowUp' ? -1 : 1)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

/** What others say while one is here, for those who listen. */
function Announcer({ chat, me }: { chat: Chat; me: number }) {
  const [text, setText] = useState('');
  useEffect(() => chat.room.on('chat_message', ({ message }) => {
    if (message.author.id !== me) {
      setText(`${message.author.username}: ${message.content || 'sent a file'}`);
    }
  }), [chat.room, me]);
  return <div className="hidden" role="log" aria-live="polite">{text}</div>;
}
