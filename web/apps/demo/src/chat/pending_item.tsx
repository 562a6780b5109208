// SPDX-License-Identifier: MIT
// What is said but not confirmed, and what was refused.
import type { OutboxEntry, OutboxFailure } from 'kibray-client';
import { plural } from '../lib/format';
import { Avatar } from '../shell/avatar';
import { Icon } from '../shell/icons';
import { Text } from './text';

interface Me { id: number; username: string }

function textOf(entry: OutboxEntry): string {
  const { frame } = entry;
  if (frame.type === 'chat_message') {
    return frame.message || plural(frame.attachments?.length ?? 0, 'file');
  }
  return frame.type === 'edit_message' ? frame.new_content : 'Deletion';
}

export function PendingItem({ entry, me, isOnline, startsRun }: { entry: OutboxEntry; me: Me; isOnline: boolean; startsRun: boolean }) {
  return (
    <li className={`message is-mine is-pending ${startsRun ? 'starts-run' : ''}`} data-pending={entry.client_id}>
      <div className="message-side">{startsRun && <Avatar id={me.id} name={me.username} />}</div>
      <div className="message-main">
        {startsRun && <div className="message-head"><span className="message-author">{me.username}</span></div>}
        <p className="message-text" dir="auto">
          <Text text={textOf(entry)} me={me.username} />
          <span className="message-note" title={isOnline ? 'Being sent' : 'Waits for the connection'}>
            {' '}<Icon name="clock" size={13} /><span className="hidden">{isOnline ? 'being sent' : 'waits for the connection'}</span>
          </span>
        </p>
      </div>
    </li>
  );
}

interface FailureProps { failure: OutboxFailure; onRetry: () => void; onDiscard: () => void }

export function FailureItem({ failure, onRetry, onDiscard }: FailureProps) {
  return (
    <li className="failure">
      <Icon name="warning" />
      <div className="failure-main">
        <strong>Not sent: {failure.error}</strong>
        <p className="message-text">{textOf(failure.entry)}</p>
      </div>
      <button type="button" className="button-quiet" onClick={onRetry}>Try again</button>
      <button type="button" className="button-quiet" onClick={onDiscard}>Discard</button>
    </li>
  );
}
