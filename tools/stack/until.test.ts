import { expect, test } from 'vitest';
import { until } from './until.ts';

test('returns the first truthy value', async () => {
  let looks = 0;
  expect(await until(() => (looks += 1) >= 3 && looks, { what: 'three', intervalMs: 1 })).toBe(3);
});

test('a condition that throws counts as not yet, and its error is in the failure', async () => {
  const refuse = () => Promise.reject(new Error('refused'));
  const failure = until(refuse, { what: 'the server', timeoutMs: 30, intervalMs: 1 });
  await expect(failure).rejects.toThrow('waited 30 ms for the server; last error: refused');
});

test('a condition that hangs does not hang the wait', async () => {
  const hang = () => new Promise<boolean>(() => undefined);
  await expect(until(hang, { what: 'nothing', timeoutMs: 30 })).rejects.toThrow('waited 30 ms for nothing');
});
