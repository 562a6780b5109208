// SPDX-License-Identifier: MIT
import { useMemo, useState } from 'react';
import { count } from './numbers';

type Order = 'name' | 'count';
const MOST = 200;

/** A table of counts by name, sorted by either. */
export function Ranking({ title, nameTitle, counts }: { title: string; nameTitle: string; counts: Record<string, number> }) {
  const [order, setOrder] = useState<Order>('count');
  const [isUp, setIsUp] = useState(false);
  const rows = useMemo(() => {
    const sorted = Object.entries(counts).sort(([nameA, a], [nameB, b]) =>
      (order === 'count' ? a - b || nameB.localeCompare(nameA) : nameA.localeCompare(nameB, undefined, { numeric: true })));
    return (isUp ? sorted : sorted.reverse()).slice(0, MOST);
  }, [counts, order, isUp]);
  const most = Math.max(1, ...rows.map(([, value]) => value));
  const head = (column: Order, label: string) => (
    <th scope="col" aria-sort={order === column ? (isUp ? 'ascending' : 'descending') : undefined}>
      <button type="button" onClick={() => { setIsUp(order === column ? !isUp : column === 'name'); setOrder(column); }}>
        {label}<span aria-hidden="true">{order === column ? (isUp ? ' ↑' : ' ↓') : ''}</span>
      </button>
    </th>
  );
  return (
    <section className="card" aria-label={title}>
      <h2>{title}</h2>
      {rows.length === 0 ? <p className="panel-empty">Nobody is connected.</p> : (
        <div className="table-frame" tabIndex={0} role="region" aria-label={`${title}, table`}>
          <table>
            <thead><tr>{head('name', nameTitle)}{head('count', 'Connections')}</tr></thead>
            <tbody>
              {rows.map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td><span className="bar" style={{ width: `${(value / most) * 60}%` }} aria-hidden="true" />{count(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
