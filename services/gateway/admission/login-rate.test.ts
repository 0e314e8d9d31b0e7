import { expect, test } from 'vitest';
import { LoginRate } from './login-rate.ts';

const take = (rate: LoginRate, address: string, count: number, now?: number) =>
  Array.from({ length: count }, () => rate.take(address, now)).filter(Boolean).length;

test('an address has a minute’s worth of logins, and each its own', () => {
  const rate = new LoginRate(3);
  expect(take(rate, 'a', 5)).toBe(3);
  expect(take(rate, 'b', 5)).toBe(3);
  expect(take(rate, 'a', 1)).toBe(0);
});

test('0 is no limit, and remembers nobody', () => {
  const rate = new LoginRate(0);
  expect(take(rate, 'a', 1_000)).toBe(1_000);
  expect(rate.size).toBe(0);
});

test('addresses that were silent for a minute are forgotten', () => {
  const rate = new LoginRate(3);
  for (const address of ['a', 'b', 'c']) rate.take(address, 1_000);
  rate.take('a', 30_000);
  rate.take('d', 61_000);
  expect(rate.size).toBe(2);
});

test('no more addresses than the bound: who was silent for longest is forgotten', () => {
  const rate = new LoginRate(1, 3);
  for (const address of ['a', 'b', 'c']) rate.take(address, 1_000);
  rate.take('a', 2_000);
  rate.take('d', 3_000);
  expect(rate.size).toBe(3);
  expect(rate.take('a', 4_000)).toBe(false);
});
