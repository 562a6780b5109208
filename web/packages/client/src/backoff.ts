// SPDX-License-Identifier: MIT

const FIRST_MS = 1000;
const CAP_MS = 30_000;

/** Full jitter: anything up to a bound that doubles with every failure, so that clients which lost
 * one server together do not come back together. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  return Math.floor(random() * Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 10)));
}
