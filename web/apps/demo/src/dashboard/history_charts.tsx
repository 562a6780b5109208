// SPDX-License-Identifier: MIT
import type { MetricsPoint } from 'kibray-client';
import { useMemo, useState } from 'react';
import { Chart } from './chart';
import { count, milliseconds, rate } from './numbers';
import { useHistory } from './use_metrics';

const RANGES: [number, string][] = [[1, '1 hour'], [6, '6 hours'], [24, '1 day'], [168, '7 days']];

export function HistoryCharts() {
  const [hours, setHours] = useState(24);
  const history = useHistory(hours);
  const charts = useMemo(() => {
    const data = history?.data ?? [];
    const values = (key: Exclude<keyof MetricsPoint, 'timestamp'>) => data.map((point) => point[key]);
    return {
      times: data.map(({ timestamp }) => Date.parse(timestamp) / 1000),
      connections: [{ label: 'Connections', color: '--warm', values: values('connections'), isFilled: true }],
      messages: [{ label: 'Messages / s', color: '--accent', values: values('messages_per_second'), isFilled: true }],
      latency: [
        { label: '50 %', color: '--online', values: values('latency_p50') },
        { label: '95 %', color: '--away', values: values('latency_p95') },
        { label: '99 %', color: '--busy', values: values('latency_p99') },
      ],
      errors: [{ label: 'Errors', color: '--danger', values: values('errors'), isFilled: true }],
    };
  }, [history]);
  return (
    <section aria-label="History">
      <div className="section-head">
        <h2>History</h2>
        <div className="segments" role="group" aria-label="Range">
          {RANGES.map(([value, label]) => (
            <button key={value} type="button" className="segment" aria-pressed={hours === value} onClick={() => setHours(value)}>{label}</button>
          ))}
        </div>
      </div>
      {history && history.data.length === 0 ? <p className="card panel-empty">There is no history yet. A point is added every five minutes.</p> : (
        <div className="charts charts-two">
          <Chart title="Connections" times={charts.times} lines={charts.connections} format={count} />
          <Chart title="Messages per second" times={charts.times} lines={charts.messages} format={rate} />
          <Chart title="Latency" times={charts.times} lines={charts.latency} format={milliseconds} />
          <Chart title="Errors in five minutes" times={charts.times} lines={charts.errors} format={count} />
        </div>
      )}
    </section>
  );
}
