// SPDX-License-Identifier: MIT
// Pure changes of a list of messages, oldest first.
import type { Message, MessagePage, ServerFrame } from 'kibray-client';

export interface ChatMessage extends Message {
  edited_at?: string;
  deleted_at?: string;
}

/** A page's messages, oldest first, with what the page says of their fate. */
export function ofPage(page: MessagePage): ChatMessage[] {
  return page.results.map((message) => ({
    ...message,
    ...(page.edited?.[message.id] && { edited_at: page.edited[message.id] }),
    ...(page.deleted?.[message.id] && { deleted_at: page.deleted[message.id] }),
  })).reverse();
}

/** The one list before the other; what both have stays in the later. (Never sorted: ids have no order.) */
export function merge(older: ChatMessage[], newer: ChatMessage[]): ChatMessage[] {
  const known = new Set(newer.map(({ id }) => id));
  return [...older.filter(({ id }) => !known.has(id)), ...newer];
}

/** The list after a frame; the same list when nothing changes. */
export function withFrame(messages: ChatMessage[], frame: ServerFrame): ChatMessage[] {
  switch (frame.type) {
    case 'chat_message':
      // A copy of something known may be older than what became of it.
      return messages.some(({ id }) => id === frame.message.id) ? messages : merge(messages, [frame.message]);
    case 'edit_message':
      return messages.map((message) => (message.id === frame.message_id
        ? { ...message, content: frame.new_content, edited_at: frame.edited_at } : message));
    case 'delete_message':
      return messages.map((message) => (message.id === frame.message_id
        ? { ...message, content: '', attachments: [], deleted_at: frame.deleted_at } : message));
    default:
      return messages;
  }
}
