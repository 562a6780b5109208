// SPDX-License-Identifier: MIT
import { Icon, type IconName } from '../shell/icons';

export interface Actions { onReply: () => void; onEdit?: () => void; onDelete?: () => void }

export function MessageActions({ onReply, onEdit, onDelete }: Actions) {
  const button = (name: string, icon: IconName, act?: () => void) => act && (
    <button type="button" className="icon-button" aria-label={name} title={name} onClick={act}><Icon name={icon} size={17} /></button>
  );
  return (
    <div className="message-actions">
      {button('Reply', 'reply', onReply)}
      {button('Edit', 'edit', onEdit)}
      {button('Delete', 'trash', onDelete)}
    </div>
  );
}
