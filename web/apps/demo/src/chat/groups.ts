// SPDX-License-Identifier: MIT
// How a list of messages is shown: days, and runs of one author.
import type { ChatMessage } from 'kibray-react';
import { dayKey } from '../lib/time';

const RUN_MS = 5 * 60_000;

export interface Row {
  message: ChatMessage;
  /** The first of its day. */
  startsDay: boolean;
  /** With the author's name above it. */
  startsRun: boolean;
  /** The first that was unread when the room was opened. */
  startsUnread: boolean;
}

export function rowsOf(messages: ChatMessage[], firstUnread: number | null): Row[] {
  return messages.map((message, i) => {
    const before = messages[i - 1];
    const startsDay = !before || dayKey(before.timestamp) !== dayKey(message.timestamp);
    const startsUnread = message.id === firstUnread;
    const continues = before && before.author.id === message.author.id
      && Date.parse(message.timestamp) - Date.parse(before.timestamp) < RUN_MS;
    return { message, startsDay, startsUnread, startsRun: startsDay || startsUnread || !continues || message.reply_to !== null };
  });
}

/** The message from which on `count` of others follow. */
export function firstUnreadOf(messages: ChatMessage[], count: number, me: number): number | null {
  const others = messages.filter(({ author, deleted_at }) => author.id !== me && !deleted_at);
  return count > 0 ? others.at(-count)?.id ?? others[0]?.id ?? null : null;
}
