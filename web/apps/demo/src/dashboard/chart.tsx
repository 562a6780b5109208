// SPDX-License-Identifier: MIT
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import { useIsDark } from '../lib/theme';

export interface Line { label: string; color: string; values: (number | null)[]; isFilled?: boolean }

interface ChartProps {
  title: string;
  /** Seconds since 1970. */
  times: number[];
  lines: Line[];
  format: (value: number) => string;
  height?: number;
}

const cssColor = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

type Point = (index: number | null) => void;

function optionsFor({ lines, format, onPoint }: { lines: Line[]; format: ChartProps['format']; onPoint: Point }, width: number, height: number): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: cssColor('--muted'), grid: { stroke: cssColor('--line'), width: 1 }, ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width, height,
    padding: [10, 6, 0, 0],
    cursor: { points: { size: 7 }, y: false },
    legend: { show: false },
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.12, Number.MIN_VALUE * 2, 0.001)] } },
    axes: [
      { ...axis, values: (_plot, splits, _index, _space, step) => splits.map((time) => timeLabel(time, step)), space: 70, size: 30 },
      { ...axis, size: 58, values: (_plot, splits) => splits.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ label, color, isFilled }): uPlot.Series => ({
        label, stroke: cssColor(color), width: 1.8, points: { show: false },
        fill: isFilled ? `color-mix(in srgb, ${cssColor(color)} 14%, transparent)` : undefined,
      })),
    ],
  };
}

const DAY_S = 86_400;

function timeLabel(time: number, step: number): string {
  const date = new Date(time * 1000);
  return step >= DAY_S || (step >= DAY_S / 2 && date.getHours() === 0)
    ? date.toLocaleDateString(undefined, { weekday: 'short', day: 'numeric' })
    : date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: step < 60 ? '2-digit' : undefined });
}

/** Lines over time. Made anew for another theme; otherwise only its data change. */
export function Chart({ title, times, lines, format, height = 190 }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const isDark = useIsDark();
  const [index, setIndex] = useState<number | null>(null);
  const data = useMemo<uPlot.AlignedData>(() => [times, ...lines.map(({ values }) => values)], [times, lines]);
  const latest = useRef({ data, lines, format });
  latest.current = { data, lines, format };
  const shape = lines.map(({ label, color }) => label + color).join();
  useEffect(() => {
    const element = place.current!;
    const now = latest.current;
    const made = new uPlot(optionsFor({ ...now, onPoint: setIndex }, element.clientWidth, height), now.data, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [isDark, shape, height]);
  useEffect(() => plot.current?.setData(data), [data]);
  const last = lines.map(({ label, values }) => `${label} ${format(values.at(-1) ?? 0)}`).join(', ');
  return (
    <figure className="chart" role="img" aria-label={`${title}, now ${last}`}>
      <figcaption>{title}</figcaption>
      <div ref={place} style={{ height }} aria-hidden="true" />
      <Legend lines={lines} format={format} index={index} time={index === null ? undefined : times[index]} />
    </figure>
  );
}

/** What the lines are, with their values where the pointer is, else now. */
function Legend({ lines, format, index, time }: Pick<ChartProps, 'lines' | 'format'> & { index: number | null; time: number | undefined }) {
  return (
    <p className="legend" aria-hidden="true">
      {lines.map(({ label, color, values }) => {
        const value = index === null ? values.at(-1) : values[index];
        return (
          <span key={label}>
            <i style={{ background: `var(${color})` }} />{lines.length > 1 && `${label} `}<b>{value == null ? '–' : format(value)}</b>
          </span>
        );
      })}
      <span className="legend-time">{time === undefined ? 'now' : new Date(time * 1000).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' })}</span>
    </p>
  );
}
