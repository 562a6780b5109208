// SPDX-License-Identifier: MIT
import type { Chat } from 'kibray-react';
import { listOf } from '../lib/format';

/** One line that is always there: who types, who has seen what one said last. */
export function StatusLine({ chat, me }: { chat: Chat; me: number }) {
  const typing = chat.typing.map(({ username }) => username);
  const last = chat.messages.at(-1);
  const seenBy = last?.author.id === me
    ? chat.receipts.filter((receipt) => receipt.user_id !== me && receipt.message_id === last.id).map(({ username }) => username) : [];
  return (
    <div className="status-line">
      <span className="typing" role="status">
        {typing.length > 0 && <><span className="typing-dots" aria-hidden="true"><i /><i /><i /></span>
          {listOf(typing)} {typing.length === 1 ? 'is' : 'are'} typing…</>}
      </span>
      {seenBy.length > 0 && <span className="seen">Seen by {listOf(seenBy)}</span>}
    </div>
  );
}
