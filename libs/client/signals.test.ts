import { describe, expect, test } from 'vitest';
import { settle } from './testing/manual-clock.ts';
import { online, setup } from './testing/setup.ts';
import { throttle } from './timing/throttle.ts';

/** PROTOCOL, signal: typing and the like. */

const TAKES_SIGNALS = { limits: { maxReceivers: 100 } };

describe('signal', () => {
  test('goes out at once, to one or several', async () => {
    const { client, connection } = await online({}, TAKES_SIGNALS);
    expect(client.signal('bob', { typing: true }, { thread: 'group' })).toBe(true);
    expect(client.signal(['bob', 'carol'], 1)).toBe(true);
    expect(connection.takeAll('signal:R')).toEqual([
      { type: 'signal:R', to: 'bob', body: { typing: true }, thread: 'group' },
      { type: 'signal:R', to: ['bob', 'carol'], body: 1 },
    ]);
  });

  test('is dropped without a session, by a server that takes none, and for too many receivers', async () => {
    expect(setup().client.signal('bob', 1)).toBe(false);
    const old = await online();
    expect(old.client.signal('bob', 1)).toBe(false);
    const small = await online({}, { limits: { maxReceivers: 1 } });
    expect(small.client.signal(['bob', 'carol'], 1)).toBe(false);
    expect([...old.connection.received, ...small.connection.received]).toEqual([]);
  });

  test('leaves messages the half of the rate, and waits for none', async () => {
    const { client, connection } = await online({}, { limits: { maxReceivers: 100, ratePerS: 20 } });
    const passed = Array.from({ length: 50 }, () => client.signal('bob', 1)).filter(Boolean);
    expect(passed.length).toBe(10);
    for (let n = 0; n < 15; n++) client.send('bob', n);
    await settle();
    expect(connection.takeIds().length).toBe(10);
    expect(client.signal('bob', 1)).toBe(false); // messages wait
  });

  test('is checked as the gateway checks it', async () => {
    const { client } = await online({}, TAKES_SIGNALS);
    expect(client.signal('bob', 'x'.repeat(1_022))).toBe(true);
    expect(() => client.signal('bob', 'x'.repeat(1_023))).toThrow(TypeError);
    expect(() => client.signal('bob', 'ä'.repeat(512))).toThrow(TypeError);
    expect(() => client.signal('a b', 1)).toThrow(TypeError);
    expect(() => client.signal([], 1)).toThrow(TypeError);
    expect(() => client.signal('bob', 1, { thread: 'a b' })).toThrow(TypeError);
  });

  test('comes to every listener, and is not answered', async () => {
    const { client, connection } = await online({}, TAKES_SIGNALS);
    const got: unknown[] = [];
    client.onSignal((signal) => got.push(signal));
    const end = client.onSignal((signal) => got.push(signal));
    await connection.send({ type: 'signal:N', from: 'bob', body: 1, at: 2, thread: 'group' });
    end();
    await connection.send({ type: 'signal:N', from: 'bob', body: 2, at: 3 });
    const first = { from: 'bob', body: 1, at: 2, thread: 'group' };
    expect(got).toEqual([first, first, { from: 'bob', body: 2, at: 3 }]);
    expect(connection.received).toEqual([]);
  });

  test('one that the server refuses is reported, and not repeated', async () => {
    const { client, clock, connection, errors } = await online({}, TAKES_SIGNALS);
    client.signal('bob', 1);
    const re = { type: 'signal:R', to: ['bob'] };
    await connection.send({ type: 'error', code: 'forbidden', message: '', re });
    await connection.send({ type: 'error', code: 'rate_limited', message: '', re });
    expect(errors).toMatchObject([{ code: 'server', serverCode: 'forbidden' }]);
    await clock.advance(20_000);
    expect(connection.takeAll('signal:R').length).toBe(1);
  });
});

test('throttle: at once, and then once in a while', () => {
  let now = 0;
  const runs: number[] = [];
  const typing = throttle(3_000, () => runs.push(now), { now: () => now });
  for (; now < 10_000; now += 100) typing();
  expect(runs).toEqual([0, 3_000, 6_000, 9_000]);
});
