// SPDX-License-Identifier: MIT
import { useMe } from '../lib/me';

export function Welcome() {
  const { username } = useMe();
  return (
    <div className="empty">
      <img src="./icon.svg" alt="" width="64" height="64" />
      <h1>{username ? `Hello, ${username}` : 'Hello'}</h1>
      <p className="muted">Choose a channel or a person on the left. <kbd>Ctrl</kbd> <kbd>K</kbd> finds them by name.</p>
    </div>
  );
}
