// SPDX-License-Identifier: MIT
import type { Channel } from 'kibray-client';

/** The other person of a direct channel; null for groups. */
export function otherOf(channel: Channel, me: number): number | null {
  return channel.kind === 'direct' ? channel.members?.find((id) => id !== me) ?? me : null;
}

export function channelTitle(channel: Channel, me: number, names: Readonly<Record<number, string>>): string {
  const other = otherOf(channel, me);
  return other === null ? channel.name : names[other] ?? `Person ${other}`;
}
