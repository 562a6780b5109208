// SPDX-License-Identifier: MIT
import type { PresenceStatus } from 'kibray-client';
import type { CSSProperties } from 'react';

const GOLDEN = 137.508;       // hues of neighbouring ids are far apart

export const STATUS_NAMES: Record<PresenceStatus, string> = {
  online: 'Online', away: 'Away', busy: 'Busy', offline: 'Offline',
};

/** A dot whose shape tells the status, too. */
export function Dot({ status }: { status: PresenceStatus }) {
  return (
    <span className={`dot dot-${status}`}>
      <span className="hidden">{STATUS_NAMES[status]}</span>
    </span>
  );
}

interface AvatarProps { id: number; name: string; size?: 'small' | 'medium'; status?: PresenceStatus }

export function Avatar({ id, name, size = 'medium', status }: AvatarProps) {
  const style = { '--hue': `${Math.round(id * GOLDEN + 150) % 360}` } as CSSProperties;
  return (
    <span className={`avatar avatar-${size}`} style={style}>
      <span aria-hidden="true">{(Array.from(name)[0] ?? '?').toUpperCase()}</span>
      {status && <Dot status={status} />}
    </span>
  );
}
