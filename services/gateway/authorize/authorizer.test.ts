import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Authorizer, type AuthorizerOptions } from './authorizer.ts';

interface Request {
  pair: string;
  answer: (allowed: boolean) => void;
}

/** An authorizer whose operator answers when the test says so; a request that takes too long fails, as fetch does. */
function setup(options: Partial<AuthorizerOptions> = {}) {
  const requests: Request[] = [];
  const told: string[] = [];
  const logged: string[] = [];
  const authorizer = new Authorizer({
    ask: (from, to, signal) =>
      new Promise((answer, reject) => {
        requests.push({ pair: `${from} ${to}`, answer });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    timeoutMs: 1_000,
    concurrency: 2,
    cacheMs: 5_000,
    cacheEntries: 3,
    log: pino({ level: 'warn' }, { write: (line) => logged.push(line) }),
    ...options,
  });
  /** Notes the verdict of a message under its name. */
  const decide = (name: string, from: string, to: string, bodyText = '1') => {
    authorizer.decide({ from, to, bodyText }, (decision) => told.push(`${name} ${decision}`));
  };
  const answer = async (n: number, allowed: boolean) => {
    requests[n]?.answer(allowed);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { authorizer, requests, told, logged, decide, answer };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** AbortSignal.timeout is Node's own, and knows no fake clock. */
beforeEach(() => {
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('too late')), ms);
    return controller.signal;
  });
});
afterEach(() => void vi.restoreAllMocks());

describe('what the operator said', () => {
  test('is told, and used for a while, also a no', async () => {
    const { requests, told, decide, answer } = setup();
    decide('m1', 'alice', 'bob');
    decide('m2', 'alice', 'eve');
    expect(told).toEqual([]);
    await answer(0, true);
    await answer(1, false);
    decide('m3', 'alice', 'bob');
    decide('m4', 'alice', 'eve');
    expect(told).toEqual(['m1 allowed', 'm2 forbidden', 'm3 allowed', 'm4 forbidden']);
    await vi.advanceTimersByTimeAsync(4_999);
    decide('m5', 'alice', 'bob');
    expect(requests).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    decide('m6', 'alice', 'bob');
    expect(requests).toHaveLength(3);
    expect(told.at(-1)).toBe('m5 allowed');
  });

  test('holds for that pair in that direction only', async () => {
    const { requests, decide, answer } = setup();
    decide('m1', 'alice', 'bob');
    await answer(0, true);
    decide('m2', 'bob', 'alice');
    decide('m3', 'alic', 'ebob');
    expect(requests.map(({ pair }) => pair)).toEqual(['alice bob', 'bob alice', 'alic ebob']);
  });

  test('is kept for a bounded number of pairs: the oldest goes', async () => {
    const { authorizer, requests, decide, answer } = setup();
    for (const n of [0, 1, 2, 3]) {
      decide('m', 'alice', `user-${n}`);
      await answer(n, true);
    }
    expect(authorizer.cached).toBe(3);
    decide('m', 'alice', 'user-1');
    expect(requests).toHaveLength(4);
    decide('m', 'alice', 'user-0');
    expect(requests).toHaveLength(5);
  });

  test('is asked for each time where nothing is to be kept', async () => {
    const { authorizer, requests, told, decide, answer } = setup({ cacheMs: 0 });
    decide('m1', 'alice', 'bob');
    await answer(0, true);
    decide('m2', 'alice', 'bob');
    expect(requests).toHaveLength(2);
    expect(told).toEqual(['m1 allowed']);
    expect(authorizer.cached).toBe(0);
  });
});

describe('while the operator is asked', () => {
  test('all messages of a pair wait for one request, and are told in order', async () => {
    const { authorizer, requests, told, decide, answer } = setup();
    for (const name of ['m1', 'm2', 'm3']) decide(name, 'alice', 'bob');
    decide('m4', 'alice', 'carol');
    expect(authorizer.waiting).toBe(4);
    expect(requests).toHaveLength(2);
    await answer(1, true);
    await answer(0, true);
    expect(told).toEqual(['m4 allowed', 'm1 allowed', 'm2 allowed', 'm3 allowed']);
    expect(authorizer.waiting).toBe(0);
  });

  test('no more requests are under way than may be; the others follow in order', async () => {
    const { requests, told, decide, answer } = setup();
    for (const n of [0, 1, 2, 3]) decide(`m${n}`, 'alice', `user-${n}`);
    expect(requests).toHaveLength(2);
    await answer(1, true);
    expect(requests.map(({ pair }) => pair)).toEqual(['alice user-0', 'alice user-1', 'alice user-2']);
    await answer(2, false);
    await answer(3, true);
    expect(told).toEqual(['m1 allowed', 'm2 forbidden', 'm3 allowed']);
  });

  test('nobody waits longer than may be, also behind others, and a failure is not kept', async () => {
    const { requests, told, decide, answer } = setup({ concurrency: 1 });
    decide('m1', 'alice', 'bob');
    await vi.advanceTimersByTimeAsync(600);
    decide('m2', 'alice', 'carol');
    decide('m3', 'alice', 'dave');
    await vi.advanceTimersByTimeAsync(400);
    expect(told).toEqual(['m1 unknown']);
    await vi.advanceTimersByTimeAsync(600);
    expect(told).toEqual(['m1 unknown', 'm2 unknown', 'm3 unknown']);
    expect(requests.map(({ pair }) => pair)).toEqual(['alice bob', 'alice carol']);
    decide('m4', 'alice', 'bob');
    await answer(2, true);
    expect(told.at(-1)).toBe('m4 allowed');
  });

  test('no more text waits than may be', () => {
    const { told, decide } = setup();
    const half = 'x'.repeat(8 * 1024 * 1024 - 1_024);
    decide('m1', 'alice', 'bob', half);
    decide('m2', 'alice', 'bob', half);
    decide('m3', 'alice', 'bob', 'x'.repeat(2_048));
    expect(told).toEqual(['m3 unknown']);
  });

  test('it is said in the log that nobody answers, once in a while', async () => {
    const { logged, decide } = setup();
    for (let n = 0; n < 25; n++) {
      decide('m', 'alice', 'bob');
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(logged.map((line) => (JSON.parse(line) as { failures: number }).failures)).toEqual([1, 10, 10]);
  });

  test('the end of the gateway is the end of waiting', async () => {
    const { authorizer, requests, told, decide } = setup();
    decide('m1', 'alice', 'bob');
    authorizer.stop();
    await vi.advanceTimersByTimeAsync(0);
    decide('m2', 'alice', 'carol');
    expect(told).toEqual(['m1 unknown', 'm2 unknown']);
    expect(requests).toHaveLength(1);
  });
});
