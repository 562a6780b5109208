// SPDX-License-Identifier: MIT
import { useSyncExternalStore } from 'react';

const MINUTE = 60_000;
const DAY = 86_400_000;

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const yearFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const shortFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'narrow' });

export const clock = (time: string) => clockFormat.format(new Date(time));
export const fullTime = (time: string) => fullFormat.format(new Date(time));

const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** Days between, by the calendar. */
const daysAgo = (time: string, now: number) => Math.round((midnight(new Date(now)) - midnight(new Date(time))) / DAY);

export const dayKey = (time: string) => midnight(new Date(time));

export function dayLabel(time: string, now: number): string {
  const days = daysAgo(time, now);
  if (days === 0 || days === 1) {
    return days === 0 ? 'Today' : 'Yesterday';
  }
  return (days < 300 ? dayFormat : yearFormat).format(new Date(time));
}

/** As short as a list wants it: "now", "5m ago", "14:03", "Mon", "3 Mar". */
export function relative(time: string, now: number): string {
  const age = now - Date.parse(time);
  if (age < MINUTE) {
    return 'now';
  }
  if (age < 60 * MINUTE) {
    return relativeFormat.format(-Math.floor(age / MINUTE), 'minute');
  }
  const days = daysAgo(time, now);
  if (days <= 0) {
    return clock(time);
  }
  return (days < 7 ? weekdayFormat : shortFormat).format(new Date(time));
}

let minute = Date.now();
const listeners = new Set<() => void>();
setInterval(() => {
  minute = Date.now();
  listeners.forEach((listener) => listener());
}, 30_000);

const listen = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

/** The time, renewed twice a minute. */
export const useNow = () => useSyncExternalStore(listen, () => minute);
