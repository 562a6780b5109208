// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Session } from '../src/session.js';
import { fakeStorage, seconds, settle, token } from './fakes.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const fresh = (life = 3600) => token({ iat: seconds(), exp: seconds() + life, user_id: 3 });

test('renews itself before the end, again and again', async () => {
  const ask = vi.fn(async () => fresh());
  const session = new Session('k', null, ask);
  const told: (string | null)[] = [];
  session.on('token', (value) => told.push(value));
  session.set(fresh(), 'refresh');
  expect(session.userId).toBe(3);
  await settle(3500_000);
  expect(ask).not.toHaveBeenCalled();
  await settle(50_000);
  expect(ask).toHaveBeenCalledTimes(1);
  expect(ask).toHaveBeenCalledWith('refresh');
  await settle(3600_000);
  expect(ask).toHaveBeenCalledTimes(2);
  expect(new Set(told).size).toBe(3);
});

test('a machine whose clock is wrong goes by the span of the token', async () => {
  const session = new Session('k', null, async () => fresh());
  const ask = vi.fn();
  const wrong = new Session('k', null, ask);
  wrong.set(token({ iat: 1000, exp: 4600 }), 'r');       // long ago by our clock
  expect(await wrong.accessToken()).toBeDefined();
  expect(ask).not.toHaveBeenCalled();
  expect(session.isSignedIn).toBe(false);
});

test('one question at a time, however many want it', async () => {
  const ask = vi.fn(async () => fresh());
  const session = new Session('k', null, ask);
  const old = fresh();
  session.set(old, 'r');
  expect(await Promise.all([session.renew(old), session.renew(old), session.renew(old)])).toEqual([true, true, true]);
  expect(ask).toHaveBeenCalledTimes(1);
  expect(await session.renew(old)).toBe(true);           // has been replaced already
  expect(ask).toHaveBeenCalledTimes(1);
});

test('a refused refresh token signs out; a server that is away does not', async () => {
  const storage = fakeStorage();
  const ask = vi.fn<(refresh: string) => Promise<string | null>>();
  const session = new Session('k', storage, ask);
  const access = fresh();
  session.set(access, 'r');
  ask.mockRejectedValueOnce(new Error('away'));
  await expect(session.renew(access)).rejects.toThrow('away');
  expect(session.isSignedIn).toBe(true);
  ask.mockResolvedValueOnce(null);
  expect(await session.renew(access)).toBe(false);
  expect(session.isSignedIn).toBe(false);
  expect(storage.getItem('k')).toBeNull();
});

test('the next page has the login', () => {
  const storage = fakeStorage();
  new Session('k', storage, async () => null).set(fresh(), 'r');
  const next = new Session('k', storage, async () => null);
  expect(next.isSignedIn).toBe(true);
  expect(next.refreshToken).toBe('r');
});
