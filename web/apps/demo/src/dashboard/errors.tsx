// SPDX-License-Identifier: MIT
import type { Metrics } from 'kibray-client';
import { fullTime, relative } from '../lib/time';
import { count } from './numbers';

export function Errors({ errors }: { errors: Metrics['errors'] }) {
  const kinds = Object.entries(errors.by_type).sort(([, a], [, b]) => b - a);
  const now = Date.now();
  return (
    <section className="card" aria-label="Recent errors">
      <h2>Recent errors</h2>
      {kinds.length > 0 && (
        <ul className="kinds">{kinds.map(([kind, value]) => <li key={kind}><code>{kind}</code> {count(value)}</li>)}</ul>
      )}
      {errors.recent.length === 0 ? <p className="panel-empty">No errors. May it stay so.</p> : (
        <ul className="error-list" tabIndex={0} aria-label="Errors, newest first">
          {errors.recent.map((error, i) => (
            <li key={`${error.timestamp} ${i}`}>
              <span><code>{error.type}</code><time dateTime={error.timestamp} title={fullTime(error.timestamp)}>{relative(error.timestamp, now)}</time></span>
              <span className="muted">{error.message}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
