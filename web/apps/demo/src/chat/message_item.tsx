// SPDX-License-Identifier: MIT
import type { OutboxEntry } from 'kibray-client';
import type { Chat } from 'kibray-react';
import { type KeyboardEvent, memo } from 'react';
import { clock, dayLabel, fullTime } from '../lib/time';
import { Avatar } from '../shell/avatar';
import { AttachmentView } from './attachment_view';
import type { Row } from './groups';
import { MessageActions } from './message_actions';
import { Quote } from './quote';
import { Text } from './text';

export interface MessageItemProps {
  row: Row;
  chat: Chat;
  me: { id: number; username: string; is_staff: boolean };
  now: number;
  isLit: boolean;
  pendingEdit: OutboxEntry | undefined;
  onReply: (id: number) => void;
  onEdit: (id: number) => void;
  onDelete: (id: number) => void;
  onJump: (id: number) => void;
}

export const MessageItem = memo(function MessageItem(props: MessageItemProps) {
  const { row, me, now, isLit, onReply, onEdit, onDelete } = props;
  const { message, startsDay, startsRun, startsUnread } = row;
  const isMine = message.author.id === me.id;
  const isDeleted = message.deleted_at !== undefined;
  const actions = {
    onReply: () => onReply(message.id),
    onEdit: isMine && message.content !== '' ? () => onEdit(message.id) : undefined,
    onDelete: isMine || me.is_staff ? () => onDelete(message.id) : undefined,
  };
  const onKeyDown = (event: KeyboardEvent<HTMLLIElement>) => {
    const act = { r: actions.onReply, e: actions.onEdit, d: actions.onDelete, Delete: actions.onDelete }[event.key];
    if (act && event.target === event.currentTarget && !isDeleted && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      act();
    }
  };
  return (
    <>
      {startsDay && <li className="day"><span>{dayLabel(message.timestamp, now)}</span></li>}
      {startsUnread && <li className="unread-line"><span>New</span></li>}
      <li className={`message ${startsRun ? 'starts-run' : ''} ${isMine ? 'is-mine' : ''} ${isLit ? 'is-lit' : ''}`}
        data-message={message.id} tabIndex={-1} onKeyDown={onKeyDown}
        aria-label={`${message.author.username}, ${clock(message.timestamp)}`}>
        <div className="message-side">
          {startsRun ? <Avatar id={message.author.id} name={message.author.username} />
            : <time className="message-clock" dateTime={message.timestamp} aria-hidden="true">{clock(message.timestamp)}</time>}
        </div>
        <div className="message-main">
          {startsRun && (
            <div className="message-head">
              <span className="message-author">{message.author.username}</span>
              <time dateTime={message.timestamp} title={fullTime(message.timestamp)}>{clock(message.timestamp)}</time>
            </div>
          )}
          <MessageBody {...props} />
        </div>
        {!isDeleted && <MessageActions {...actions} />}
      </li>
    </>
  );
});

function MessageBody({ row: { message }, chat, me, pendingEdit, onJump }: MessageItemProps) {
  if (message.deleted_at || pendingEdit?.frame.type === 'delete_message') {
    return <p className="message-text is-deleted">Message deleted</p>;
  }
  const content = pendingEdit?.frame.type === 'edit_message' ? pendingEdit.frame.new_content : message.content;
  return (
    <>
      {message.reply_to !== null && <Quote id={message.reply_to} chat={chat} onJump={onJump} />}
      {content !== '' && (
        <p className="message-text" dir="auto">
          <Text text={content} me={me.username} />
          {pendingEdit ? <span className="message-note"> (saving…)</span>
            : message.edited_at && <span className="message-note" title={fullTime(message.edited_at)}> (edited)</span>}
        </p>
      )}
      {message.attachments.length > 0 && (
        <div className="attachments">{message.attachments.map((file) => <AttachmentView key={file.id} file={file} />)}</div>
      )}
    </>
  );
}
