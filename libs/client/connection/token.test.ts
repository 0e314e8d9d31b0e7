import { describe, expect, test } from 'vitest';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, nextConnection, online, setup } from '../testing/setup.ts';
import type { TokenSource } from '../options.ts';

/** Whatever the application's token function does: said, and asked again with backoff, without end. */

const hang = () => new Promise<string>(() => undefined);
const TIMEOUT_MS = 10_000;

/** Nonsense, as what the compiler would refuse. */
const gives = (value: unknown) => () => value as string;

const BAD: [string, () => string | Promise<string>, string, number][] = [
  [
    'throws',
    () => {
      throw new Error('x');
    },
    'failed',
    0,
  ],
  ['rejects', () => Promise.reject(new Error('x')), 'failed', 0],
  ['never settles', hang, 'did not answer in time', TIMEOUT_MS],
  [
    'gives a thenable that never settles',
    gives({ then: () => undefined }),
    'did not answer in time',
    TIMEOUT_MS,
  ],
  [
    'gives a thenable that throws',
    gives({
      then: () => {
        throw new Error('x');
      },
    }),
    'failed',
    0,
  ],
  ['gives undefined', gives(undefined), 'gave no token but undefined', 0],
  ['resolves to undefined', gives(Promise.resolve(undefined)), 'gave no token but undefined', 0],
  ['gives null', gives(null), 'gave no token but object', 0],
  ['gives an empty string', gives(''), 'gave no token but an empty string', 0],
  ['gives a number', gives(7), 'gave no token but number', 0],
  ['gives an object', gives({ token: 'secret' }), 'gave no token but object', 0],
];

describe.each(BAD)('a token function that %s', (_what, bad, said, afterMs) => {
  test('is an outage when connecting', async () => {
    let mend = false;
    let calls = 0;
    const token: TokenSource = () => {
      calls++;
      return mend ? 'good' : bad();
    };
    const { client, clock, errors, gateway } = setup({ token });
    await clock.advance(afterMs);
    const [error] = errors;
    expect(error).toMatchObject({ code: 'token', message: `the token function ${said}` });
    expect(client.status).toEqual({ state: 'waiting', retryInMs: 500, reason: 'no_token' });
    await clock.advance(3_600_000);
    expect(calls).toBeGreaterThan(80);
    expect(errors.length).toBeGreaterThanOrEqual(calls - 1);
    expect(gateway.connections.length).toBe(0);
    mend = true;
    await nextConnection({ gateway, clock });
    await comeOnline({ gateway });
    expect(client.status.state).toBe('online');
  });

  test('does not end a session that wants to renew', async () => {
    const good = `x.${btoa(JSON.stringify({ exp: 1_800_000_000 + 300 }))}.x`;
    let mend = true;
    const { client, clock, connection, errors } = await online({ token: () => (mend ? good : bad()) });
    mend = false;
    await clock.advance(240_000 + afterMs);
    expect(errors.map(({ code }) => code)).toEqual(['token']);
    mend = true;
    await clock.advance(400);
    expect(connection.take('login:R').token).toBe(good);
    expect(client.status.state).toBe('online');
  });
});

test('an answer that comes after its try was given up is not used, for no login', async () => {
  const gave: ((token: string) => void)[] = [];
  const { clock, gateway } = setup({ token: () => new Promise((resolve) => gave.push(resolve)) });
  await clock.advance(TIMEOUT_MS);
  gave[0]?.('late');
  await settle();
  expect(gateway.connections.length).toBe(0);
  await clock.advance(500);
  gave[0]?.('late, and twice');
  await settle();
  expect(gateway.connections.length).toBe(0);
  gave[1]?.('in time');
  gave[1]?.('twice');
  await settle();
  await gateway.last.open();
  expect(gateway.last.take('login:R').token).toBe('in time');
});

test('a late answer of a renewal is not used either', async () => {
  const good = `x.${btoa(JSON.stringify({ exp: 1_800_000_000 + 300 }))}.x`;
  const gave: ((token: string) => void)[] = [];
  let first = true;
  const token = () => {
    if (!first) return new Promise<string>((resolve) => gave.push(resolve));
    first = false;
    return good;
  };
  const { clock, connection } = await online({ token });
  await clock.advance(240_000 + TIMEOUT_MS);
  gave[0]?.('late');
  await settle();
  expect(connection.takeAll('login:R')).toEqual([]);
  await clock.advance(200);
  gave[1]?.('in time');
  await settle();
  expect(connection.take('login:R').token).toBe('in time');
});

test('reconnect() gives up a try that hangs, and asks anew', async () => {
  let calls = 0;
  const { client, clock, gateway } = setup({ token: () => (++calls === 1 ? hang() : 'good') });
  await settle();
  client.reconnect();
  await comeOnline({ gateway });
  await clock.advance(TIMEOUT_MS);
  expect(client.status.state).toBe('online');
  expect(calls).toBe(2);
});

test('a token function may close the client', async () => {
  const { client, clock } = setup({
    token: () => {
      void client.close();
      return 'good';
    },
  });
  await clock.advance(5_000);
  expect(client.status.state).toBe('closed');
});

test('the time limit is an option, and a token that is neither string nor function is refused at once', async () => {
  const { clock, errors } = setup({ token: hang, tuning: { tokenTimeoutMs: 100 } });
  await clock.advance(99);
  expect(errors).toEqual([]);
  await clock.advance(1);
  expect(errors.length).toBe(1);
  expect(() => setup({ token: undefined as unknown as string })).toThrow(TypeError);
});
