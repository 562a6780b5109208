// SPDX-License-Identifier: MIT
import type { UploadItem } from 'kibray-react';
import { useEffect, useState } from 'react';
import { fileSize, isImage } from '../lib/format';
import { Icon } from '../shell/icons';

const WORDS = { waiting: 'Waiting', sending: 'Uploading', paused: 'Paused', done: 'Ready', failed: 'Failed', cancelled: 'Cancelled' };

function usePreview(file: File): string | null {
  const [src, setSrc] = useState<string | null>(null);
  useEffect(() => {
    if (!isImage(file.type)) {
      return;
    }
    const address = URL.createObjectURL(file);
    setSrc(address);
    return () => URL.revokeObjectURL(address);
  }, [file]);
  return src;
}

function Chip({ item, onRemove }: { item: UploadItem; onRemove: () => void }) {
  const { file, upload, status, received, total, error } = item;
  const src = usePreview(file);
  const percent = total > 0 ? Math.round((received / total) * 100) : 0;
  const isUnderWay = status === 'sending' || status === 'waiting' || status === 'paused';
  return (
    <li className={`chip chip-${status}`}>
      <span className="tile">{src ? <img src={src} alt="" /> : <Icon name="file" />}</span>
      <span className="chip-text">
        <span className="file-name">{file.name}</span>
        <span className="muted">{error ?? (isUnderWay ? `${WORDS[status]} ${percent} % of ${fileSize(total)}` : `${WORDS[status]}, ${fileSize(total)}`)}</span>
        <progress aria-label={`Upload of ${file.name}`} max={100} value={status === 'done' ? 100 : percent} />
      </span>
      {(status === 'sending' || status === 'waiting') && (
        <button type="button" className="icon-button" aria-label={`Pause ${file.name}`} title="Pause" onClick={() => upload.pause()}><Icon name="pause" size={16} /></button>
      )}
      {status === 'paused' && (
        <button type="button" className="icon-button" aria-label={`Resume ${file.name}`} title="Resume" onClick={() => upload.resume()}><Icon name="play" size={16} /></button>
      )}
      <button type="button" className="icon-button" aria-label={`Remove ${file.name}`} title="Remove" onClick={onRemove}><Icon name="close" size={16} /></button>
    </li>
  );
}

export function UploadChips({ items, onRemove }: { items: UploadItem[]; onRemove: (item: UploadItem) => void }) {
  return items.length === 0 ? null : (
    <ul className="chips" aria-label="Files of this message">
      {items.map((item) => <Chip key={item.upload.localId} item={item} onRemove={() => onRemove(item)} />)}
    </ul>
  );
}
