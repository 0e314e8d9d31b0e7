import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Questions } from './questions.ts';
import { UnansweredError } from './questions.ts';
import { TokenChecks } from './token-checks.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  vi.advanceTimersByTime(1_000); // the cache takes 0 for no time
});
afterEach(() => void vi.useRealTimers());

/** Routing, whose answers are the test's. */
function setup() {
  const asked: ((revoked: boolean | Error) => void)[] = [];
  const ask = () =>
    new Promise((resolve, reject) => {
      asked.push((revoked) => (revoked instanceof Error ? reject(revoked) : resolve({ revoked })));
    });
  const checks = new TokenChecks({ ask: ask as unknown as Questions['ask'] });
  const check = (issuedAt?: number, sub = 'alice') => checks.check({ sub, issuedAt });
  return { asked, checks, check };
}

test('a good answer is remembered, also for tokens that were issued later', async () => {
  const { asked, check } = setup();
  const both = [check(100), check(100)];
  asked[0]?.(false);
  await Promise.all(both);
  await Promise.all([check(100), check(101)]);
  expect(asked).toHaveLength(1);
  const older = check(99);
  expect(asked).toHaveLength(2);
  asked[1]?.(true);
  await expect(older).rejects.toMatchObject({ status: 401, code: 'unauthorized' });
});

test('it is asked again after a while, after a revocation, and after the queue was lost', async () => {
  const { asked, checks, check } = setup();
  const asks = async (act: () => void) => {
    const before = asked.length;
    act();
    const checked = check(100);
    expect(asked).toHaveLength(before + 1);
    asked.at(-1)?.(false);
    await checked;
  };
  await asks(() => undefined);
  await asks(() => vi.advanceTimersByTime(31_000));
  await asks(() => checks.revoked('alice'));
  await asks(() => checks.forgetAll());
  checks.revoked('bob');
  await check(100);
});

test('an answer that a revocation overtook is not remembered', async () => {
  const { asked, checks, check } = setup();
  const first = check(100);
  checks.revoked('alice');
  asked[0]?.(false);
  await first; // it was asked before
  const second = check(100);
  expect(asked).toHaveLength(2);
  asked[1]?.(true);
  await expect(second).rejects.toMatchObject({ status: 401 });
});

test('without an answer it is 503, and asked again', async () => {
  const { asked, check } = setup();
  const first = check(100);
  asked[0]?.(new UnansweredError('late'));
  await expect(first).rejects.toMatchObject({ status: 503, code: 'unavailable' });
  void check(100);
  expect(asked).toHaveLength(2);
});
