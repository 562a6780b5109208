// SPDX-License-Identifier: MIT
import type { Metrics } from 'kibray-client';
import { useMemo } from 'react';
import { Chart, type Line } from './chart';
import { count, milliseconds, rate } from './numbers';

/** The last ten minutes, as they were seen here. */
export function LiveCharts({ seen }: { seen: Metrics[] }) {
  const charts = useMemo(() => {
    const values = (of: (metrics: Metrics) => number) => seen.map(of);
    const traffic: Line[] = [{ label: 'Messages / s', color: '--accent', values: values(({ messages }) => messages.rate_1m), isFilled: true }];
    const people: Line[] = [{ label: 'Connections', color: '--warm', values: values(({ connections }) => connections.total), isFilled: true }];
    const latency: Line[] = [
      { label: '50 %', color: '--online', values: values(({ messages }) => messages.latency.p50) },
      { label: '95 %', color: '--away', values: values(({ messages }) => messages.latency.p95) },
      { label: '99 %', color: '--busy', values: values(({ messages }) => messages.latency.p99) },
    ];
    return { times: seen.map(({ timestamp }) => Date.parse(timestamp) / 1000), traffic, people, latency };
  }, [seen]);
  return (
    <section aria-label="Live" className="charts">
      <Chart title="Messages per second" times={charts.times} lines={charts.traffic} format={rate} />
      <Chart title="Connections" times={charts.times} lines={charts.people} format={count} />
      <Chart title="Latency" times={charts.times} lines={charts.latency} format={milliseconds} />
    </section>
  );
}
