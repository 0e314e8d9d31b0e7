import { describe, expect, test } from 'vitest';
import { ManualClock } from '../testing/manual-clock.ts';
import { connect } from '../client.ts';
import { FakeGateway } from '../testing/fake-gateway.ts';
import { comeOnline, nextConnection, NO_JITTER, online } from '../testing/setup.ts';
import type { Clock } from './clock.ts';
import { SteadyClock } from './steady-clock.ts';

const YEAR = 365 * 24 * 60 * 60 * 1000;
const HOUR = 60 * 60 * 1000;

/** A manual clock with some of its methods replaced. */
function odd(bad: (right: Clock) => Partial<Clock>): ManualClock {
  const clock = new ManualClock();
  const right: Clock = {
    now: clock.now.bind(clock),
    date: clock.date.bind(clock),
    setTimeout: clock.setTimeout.bind(clock),
    clearTimeout: clock.clearTimeout.bind(clock),
  };
  return Object.assign(clock, bad(right));
}

const fail = () => {
  throw new Error('x');
};

/** With any clock below, `now()` is a number that grows, and timers fire once, at their time. */
describe.each<[string, (right: Clock) => Partial<Clock>]>([
  ['is right', () => ({})],
  ['now() throws', () => ({ now: fail })],
  ['now() is NaN', () => ({ now: () => NaN })],
  ['now() is undefined', () => ({ now: () => undefined as unknown as number })],
  ['now() stands still', () => ({ now: () => 5 })],
  ['now() goes backward', (clock) => ({ now: () => -clock.now() })],
  ['now() is set back by weeks', (clock) => ({ now: () => clock.now() - (clock.now() > 3_000 ? 1e9 : 0) })],
  ['date() throws', () => ({ date: fail })],
  ['date() is NaN', () => ({ date: () => NaN })],
  ['date() is years ahead', (clock) => ({ date: () => clock.date() + 100 * YEAR })],
  ['date() jumps at each look', (clock) => ({ date: () => clock.date() + YEAR * (clock.now() % 3) })],
  [
    'fires each timer twice',
    (clock) => ({
      setTimeout: (run, ms) => {
        clock.setTimeout(run, ms + 10);
        return clock.setTimeout(run, ms);
      },
    }),
  ],
  ['fires timers that were cleared', () => ({ clearTimeout: () => undefined })],
  ['cannot clear timers', () => ({ clearTimeout: fail })],
])('over a clock that %s', (_what, bad) => {
  test('time goes on, and timers are what they should be', async () => {
    const clock = odd(bad);
    const steady = new SteadyClock(clock);
    const fired: string[] = [];
    const cleared = steady.setTimeout(() => fired.push('cleared'), 100);
    steady.setTimeout(() => fired.push('200'), 200);
    steady.setTimeout(() => fired.push('4000'), 4_000);
    steady.clearTimeout(cleared);
    steady.clearTimeout(cleared);
    steady.clearTimeout(undefined);
    let before = steady.now();
    for (let step = 0; step < 50; step++) {
      await clock.advance(100);
      const now = steady.now();
      expect(now).toBeGreaterThanOrEqual(before);
      expect(Number.isFinite(steady.date())).toBe(true);
      before = now;
    }
    expect(fired).toEqual(['200', '4000']);
    expect(before).toBeGreaterThanOrEqual(3_800);
    expect(before).toBeLessThanOrEqual(5_000);
  });

  test('a client connects, sends again in time, and comes back', async () => {
    const clock = odd(bad);
    const gateway = new FakeGateway();
    const { WebSocket } = gateway;
    const client = connect({ url: 'ws://one/ws', token: 't', WebSocket, clock, random: NO_JITTER });
    client.onError(({ code }) => expect(code).toBe('clock'));
    const connection = await comeOnline({ gateway });
    client.send('bob', 1, { id: 'm1' });
    await clock.advance(100);
    expect(connection.takeIds()).toEqual(['m1']);
    await clock.advance(7_500);
    expect(connection.takeIds()).toEqual(['m1']);
    expect(client.status.state).toBe('online');
    await connection.close(1006);
    await clock.advance(2_000);
    await comeOnline({ gateway });
    expect(client.status.state).toBe('online');
    const closed = client.close({ flushMs: 0 });
    await clock.advance(2_000);
    await closed;
  });
});

test('a clock that throws is told once', async () => {
  const errors: unknown[] = [];
  const clock = odd(() => ({ now: fail, date: fail }));
  const steady = new SteadyClock(clock);
  steady.watch({ leapt: () => undefined, failed: (cause) => errors.push(cause) });
  steady.now();
  steady.setTimeout(() => undefined, 10);
  expect(errors.length).toBe(0); // the application must be able to add its listener first
  await clock.advance(100);
  expect(errors.length).toBe(1);
});

test('where timers cannot be set, the platform sets them', async () => {
  const steady = new SteadyClock(odd(() => ({ setTimeout: fail })));
  await new Promise<void>((resolve) => void steady.setTimeout(resolve, 1));
});

describe('sleep', () => {
  test('does not count: the timer that is due first fires, the others have as long to go as before', async () => {
    const clock = new ManualClock();
    const steady = new SteadyClock(clock);
    const fired: [string, number][] = [];
    let leaps = 0;
    steady.watch({ leapt: () => leaps++, failed: fail });
    const arm = (name: string, at: number) => {
      const wait = () => {
        if (steady.now() < at) steady.setTimeout(wait, at - steady.now());
        else fired.push([name, clock.now()]);
      };
      wait();
    };
    arm('first', 1_000);
    arm('second', 11_000);
    await clock.advance(500);
    await clock.sleep(HOUR);
    expect(leaps).toBe(1);
    expect(fired).toEqual([['first', HOUR + 500]]);
    await clock.advance(10_000);
    expect(fired[1]).toEqual(['second', HOUR + 10_500]);
    expect(leaps).toBe(1);
  });

  test.each([
    ['now() counts it', (clock: ManualClock) => clock.sleep(HOUR)],
    [
      'only the wall clock counts it',
      (clock: ManualClock) => {
        clock.wallOff += HOUR;
        return clock.advance(25_000);
      },
    ],
    [
      'the wall clock is set back by years',
      (clock: ManualClock) => {
        clock.wallOff -= 10 * YEAR;
        return clock.advance(25_000);
      },
    ],
  ])('where %s: one look at the connection, no storm of retransmissions', async (_what, sleep) => {
    const made = await online({ tuning: { pingIntervalMs: 25_000, pongTimeoutMs: 10_000 } });
    const { client, clock, connection, gateway } = made;
    await clock.advance(20_000);
    for (let n = 0; n < 100; n++) client.send('bob', n, { id: `m${n}` });
    await clock.advance(100);
    expect(connection.takeIds().length).toBe(100);
    for (let n = 0; n < 100; n++) await connection.send({ type: 'msg:A', id: `m${n}`, at: 1 });
    await clock.advance(4_000);
    connection.received.length = 0;
    await sleep(clock);
    const pings = connection.takeAll('ping').length;
    expect(pings).toBeGreaterThanOrEqual(1);
    // Its answers may wait in the socket: nothing but the first timeout's worth is sent.
    expect(clock.now() > HOUR ? connection.takeIds() : []).toEqual([]);
    connection.dead = true;
    await clock.advance(3_500);
    expect(client.status.state).not.toBe('online');
    await nextConnection({ gateway, clock });
    await comeOnline({ gateway });
    expect(client.status.state).toBe('online');
  });

  test('while waiting for the next try: it is made at once', async () => {
    const { client, clock, connection, gateway } = await online({
      tuning: { reconnect: { baseMs: 600_000, maxMs: 600_000 } },
    });
    await connection.close(1006);
    await clock.advance(1_000);
    expect(client.status.state).toBe('waiting');
    await clock.sleep(HOUR);
    expect(gateway.connections.length).toBe(2);
  });

  test('a process that was stopped does not take a silent connection for dead before it has asked', async () => {
    const { client, clock, connection } = await online({
      tuning: { pingIntervalMs: 25_000, pongTimeoutMs: 10_000 },
    });
    await clock.advance(26_000);
    connection.take('ping');
    await clock.sleep(HOUR); // the pong is in the socket's buffer, and timers come first
    expect(client.status.state).toBe('online');
    await connection.send({ type: 'pong' });
    await clock.advance(10_000);
    expect(client.status.state).toBe('online');
  });
});

describe('the day', () => {
  test('is the later of the wall clock and the server; what is old the server says', async () => {
    const clock = new ManualClock();
    const steady = new SteadyClock(clock);
    expect(steady.dates()).toEqual({ latest: clock.date(), server: undefined, agree: false });
    const server = clock.date() + 1_000;
    steady.serverTime(server);
    expect(steady.dates()).toEqual({ latest: server, server, agree: true });
    clock.wallOff = 20 * YEAR;
    expect(steady.dates()).toEqual({ latest: clock.date(), server, agree: false });
    clock.wallOff = -20 * YEAR;
    expect(steady.dates()).toEqual({ latest: server, server, agree: false });
    await clock.advance(5);
    expect(steady.date()).toBe(server + 5);
  });
});
