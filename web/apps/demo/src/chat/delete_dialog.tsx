// SPDX-License-Identifier: MIT
import type { ChatMessage } from 'kibray-react';
import { Dialog } from '../shell/dialog';

interface Props { message: ChatMessage; onDelete: () => void; onClose: () => void }

export function DeleteDialog({ message, onDelete, onClose }: Props) {
  return (
    <Dialog label="Delete this message?" onClose={onClose}>
      <h2>Delete this message?</h2>
      <blockquote className="dialog-quote">{message.content || message.attachments.map((file) => file.file_name).join(', ')}</blockquote>
      <p className="muted">Nobody can read it any more, and it cannot be brought back.</p>
      <div className="dialog-buttons">
        <button type="button" className="button-quiet" onClick={onClose}>Keep</button>
        <button type="button" className="button-danger" onClick={onDelete}>Delete</button>
      </div>
    </Dialog>
  );
}
