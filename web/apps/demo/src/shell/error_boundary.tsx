// SPDX-License-Identifier: MIT
import { Component, type ReactNode } from 'react';
import { Icon } from './icons';

interface State { isBroken: boolean }

/** Instead of a white page, when something below cannot be shown or loaded. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { isBroken: false };

  static getDerivedStateFromError(): State {
    return { isBroken: true };
  }

  override render(): ReactNode {
    return this.state.isBroken ? (
      <div className="empty" role="alert">
        <Icon name="warning" size={48} />
        <h1>This page cannot be shown</h1>
        <p className="muted">There may be a new version of it, or no connection.</p>
        <div className="empty-buttons">
          <button type="button" className="button-primary" onClick={() => window.location.reload()}>Reload</button>
        </div>
      </div>
    ) : this.props.children;
  }
}
