// SPDX-License-Identifier: MIT
// What staff may see of all gateways together.

export interface Metrics {
  timestamp: string;
  uptime_seconds: number;
  connections: {
    total: number;
    by_user: Record<string, number>;
    by_channel: Record<string, number>;
    created: number;
    closed: number;
  };
  messages: {
    rate_1m: number;
    rate_5m: number;
    rate_15m: number;
    latency: { p50: number; p95: number; p99: number; avg: number; min: number; max: number; count: number };
  };
  errors: {
    total: number;
    by_type: Record<string, number>;
    rate: number;
    recent: { type: string; message: string; timestamp: string }[];
  };
  connection_duration: { avg: number; median: number; min: number; max: number };
}

export interface MetricsPoint {
  timestamp: string;
  connections: number;
  created: number;
  closed: number;
  messages_per_second: number;
  latency_p50: number;
  latency_p95: number;
  latency_p99: number;
  errors: number;
}

export interface MetricsHistory {
  hours: number;
  interval_minutes: number;
  data_points: number;
  data: MetricsPoint[];
}
