// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest';
import { Pacer } from '../src/pacer.js';

/** The server's rule: exactly so many accepted in any 60 s, by its own clock. */
function server(limit: number) {
  const accepted: number[] = [];
  return (at: number) => {
    if (accepted.filter((time) => time > at - 60_000).length >= limit) {
      return false;
    }
    accepted.push(at);
    return true;
  };
}

function run(pacer: Pacer, clock: { now: number }, accepts: (at: number) => boolean, wanted: number) {
  let [sent, refused] = [0, 0];
  while (sent < wanted && clock.now < 5_000_000) {
    if (pacer.take()) {
      // The network delays each frame by up to half a second.
      if (accepts(clock.now + Math.random() * 500)) {
        sent++;
      } else {
        refused++;
        pacer.refused();
      }
    }
    clock.now += 100;
  }
  return { sent, refused };
}

test('never above 60 in any 60 s, whatever the network does', () => {
  const clock = { now: 0 };
  expect(run(new Pacer(60, () => clock.now), clock, server(60), 500)).toEqual({ sent: 500, refused: 0 });
});

test('the reserve is kept free', () => {
  const clock = { now: 0 };
  const pacer = new Pacer(60, () => clock.now);
  let taken = 0;
  while (pacer.take(5)) {
    taken++;
  }
  expect(taken).toBe(55);
  expect(pacer.waitMs(5)).toBeGreaterThan(60_000);
  expect(pacer.take()).toBe(true);
});

test('a refusal teaches a lower limit, and few more follow', () => {
  const clock = { now: 0 };
  const pacer = new Pacer(60, () => clock.now);
  const { sent, refused } = run(pacer, clock, server(10), 60);
  expect(sent).toBe(60);
  expect(refused).toBeLessThan(8);
});

test('a quiet time lets it try more again', () => {
  const clock = { now: 0 };
  const pacer = new Pacer(60, () => clock.now);
  for (let i = 0; i < 11; i++) {
    pacer.take();
  }
  pacer.refused();
  expect(pacer.limit).toBe(10);
  for (let minutes = 0; minutes < 20; minutes++) {
    clock.now += 62_000;
    pacer.waitMs();
  }
  expect(pacer.limit).toBe(60);
});
