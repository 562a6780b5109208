// SPDX-License-Identifier: MIT
import type { Message } from 'kibray-client';
import { type Chat, useKibray } from 'kibray-react';
import { useEffect, useState } from 'react';

const cache = new Map<number, Message>();

/** The message that one replies to: from the list, else asked for alone. */
function useMessage(id: number, chat: Chat): Message | null {
  const client = useKibray();
  const known = chat.messages.find((message) => message.id === id);
  const [asked, setAsked] = useState<Message | null>(cache.get(id) ?? null);
  const isKnown = known !== undefined;
  useEffect(() => {
    if (isKnown || cache.has(id) || chat.channelId === null) {
      return;
    }
    client.api.history(chat.channelId, { after: id - 1, limit: 1 }).then(({ results }) => {
      const found = results.find((message) => message.id === id);
      if (found) {
        cache.set(id, found);
        setAsked(found);
      }
    }, () => {});
  }, [client, chat.channelId, id, isKnown]);
  return known ?? asked;
}

export function Quote({ id, chat, onJump }: { id: number; chat: Chat; onJump: (id: number) => void }) {
  const message = useMessage(id, chat);
  const text = message?.content || message?.attachments[0]?.file_name;
  return (
    <button type="button" className="quote" onClick={() => onJump(id)}>
      <span className="hidden">In reply to </span>
      <span className="quote-name">{message?.author.username ?? 'Earlier'}</span>
      <span className="quote-text">{text ?? (message ? 'Message deleted' : '…')}</span>
    </button>
  );
}
