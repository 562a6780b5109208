// SPDX-License-Identifier: MIT
import type { KibrayClient, OnlineUser, PresenceStatus } from 'kibray-client';
import { Store } from './store.js';

export interface StatusState {
  /** By user id; who is not here is offline as far as is known. */
  people: Readonly<Record<number, OnlineUser>>;
  /** One's own. */
  mine: PresenceStatus;
}

/** Who is there. */
export class StatusStore extends Store<StatusState> {
  constructor(private readonly client: KibrayClient) {
    super({ people: {}, mine: 'online' });
  }

  protected begin(): () => void {
    const { status } = this.client;
    const ends = [
      status.on('connection_established', (frame) => {
        if (frame.endpoint === 'status') {
          this.set({ people: Object.fromEntries(frame.online_users.map((user) => [user.user_id, user])) });
        }
      }),
      status.on('user_status', (frame) => {
        const { user_id, username, status: value, last_seen } = frame;
        this.set({
          people: { ...this.state.people, [user_id]: { user_id, username, status: value, last_seen } },
          ...(user_id === status.established?.user_id && { mine: value }),
        });
      }),
      status.open(),
    ];
    return () => ends.forEach((end) => end());
  }
}
