// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest';
import { backoffMs } from '../src/backoff.js';

test('the bound doubles up to 30 s and stays there', () => {
  const almostOne = () => 0.999999;
  expect([0, 1, 2, 3, 4, 5, 50, 5000].map((attempt) => Math.ceil(backoffMs(attempt, almostOne) / 1000)))
    .toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
});

test('jitter is full: anything from nothing to the bound', () => {
  const samples = Array.from({ length: 2000 }, () => backoffMs(4));
  expect(Math.min(...samples)).toBeLessThan(500);
  expect(Math.max(...samples)).toBeGreaterThan(15_500);
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  expect(mean).toBeGreaterThan(7000);
  expect(mean).toBeLessThan(9000);
});
