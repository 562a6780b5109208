// SPDX-License-Identifier: MIT
import type { Metrics } from 'kibray-client';
import type { ReactNode } from 'react';
import { count, duration, milliseconds, rate } from './numbers';

function Tile({ title, value, unit, children }: { title: string; value: string; unit?: string; children: ReactNode }) {
  return (
    <div className="metric">
      <h3>{title}</h3>
      <p className="metric-value">{value}{unit && <span> {unit}</span>}</p>
      <dl>{children}</dl>
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return <div><dt>{name}</dt><dd>{value}</dd></div>;
}

export function Tiles({ now: { connections, messages, errors, connection_duration: lasted } }: { now: Metrics }) {
  const { latency } = messages;
  return (
    <div className="metrics">
      <Tile title="Connections" value={count(connections.total)}>
        <Fact name="opened" value={count(connections.created)} />
        <Fact name="closed" value={count(connections.closed)} />
      </Tile>
      <Tile title="Messages" value={rate(messages.rate_1m)} unit="/ s">
        <Fact name="5 min" value={rate(messages.rate_5m)} />
        <Fact name="15 min" value={rate(messages.rate_15m)} />
      </Tile>
      <Tile title="Latency, median" value={milliseconds(latency.p50)}>
        <Fact name="95 %" value={milliseconds(latency.p95)} />
        <Fact name="99 %" value={milliseconds(latency.p99)} />
      </Tile>
      <Tile title="Latency, mean" value={milliseconds(latency.avg)}>
        <Fact name="least" value={milliseconds(latency.min)} />
        <Fact name="most" value={milliseconds(latency.max)} />
      </Tile>
      <Tile title="Errors" value={count(errors.total)}>
        <Fact name="per minute" value={rate(errors.rate * 60)} />
        <Fact name="kinds" value={count(Object.keys(errors.by_type).length)} />
      </Tile>
      <Tile title="Connections last" value={duration(lasted.median)}>
        <Fact name="mean" value={duration(lasted.avg)} />
        <Fact name="most" value={duration(lasted.max)} />
      </Tile>
    </div>
  );
}
