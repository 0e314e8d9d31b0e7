import { describe, expect, test } from 'vitest';
import { MemoryStorage } from '../storage/memory.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { online, setup } from '../testing/setup.ts';

/** The seen set and the outbox over runs of the program whose clocks were wrong (PROTOCOL: what a client must do, 4). */

const DAY = 24 * 60 * 60 * 1000;
const YEAR = 365 * DAY;
const KEEP = { keepCount: 5, keepMs: 7 * DAY };

/** The server's clock in the fake gateway's login:A. */
const SERVER_NOW = 1_800_000_000_000;

function clockOff(ms: number): ManualClock {
  const clock = new ManualClock();
  clock.wallOff = ms;
  return clock;
}

/** One run of the program. @returns the ids that the application was handed */
async function run(storage: MemoryStorage, clock: ManualClock, ids: string[]): Promise<string[]> {
  const handed: string[] = [];
  const { client, connection } = await online({ storage, clock, tuning: { seen: KEEP } });
  client.onMessage(({ id }) => handed.push(id));
  for (const id of ids) await connection.send({ type: 'msg:N', id, from: 'bob', body: 1, at: SERVER_NOW });
  await settle();
  const closed = client.close({ flushMs: 0 });
  await clock.advance(2_000);
  await closed;
  return handed;
}

const ids = Array.from({ length: 20 }, (_, n) => `m${n}`);

describe('what was seen a moment ago is not shown again', () => {
  test.each([
    ['always right', 0, 0, 0],
    ['years ahead in the second run', 0, 10 * YEAR, 0],
    ['years behind in the second run', 0, -10 * YEAR, 0],
    ['years behind in the first run', -10 * YEAR, 0, 0],
    ['years ahead in the first run', 10 * YEAR, 0, 0],
    ['always years behind', -50 * YEAR, -50 * YEAR, -50 * YEAR],
    ['always years ahead', 50 * YEAR, 50 * YEAR, 50 * YEAR],
    ['another each time', -50 * YEAR, 30 * YEAR, 7 * YEAR],
  ])('by a client whose clock is %s', async (_what, first, second, third) => {
    const storage = new MemoryStorage();
    expect(await run(storage, clockOff(first), ids)).toEqual(ids);
    expect(await run(storage, clockOff(second), [...ids, 'new'])).toEqual(['new']);
    expect(await run(storage, clockOff(third), [...ids, 'new'])).toEqual([]);
  });

  test('nor before there is a session that says what day it is', async () => {
    const storage = new MemoryStorage();
    await run(storage, clockOff(0), ids);
    const trims: unknown[] = [];
    storage.trimSeen = (keep) => {
      trims.push(keep);
      return Promise.resolve();
    };
    const { gateway } = setup({ storage, clock: clockOff(10 * YEAR) });
    await settle();
    await gateway.last.open();
    expect(trims).toEqual([]);
    await gateway.last.login();
    // Our clock and the server's say another day: ten times as many are kept.
    expect(trims).toEqual([{ count: 100_000, since: SERVER_NOW - 7 * DAY, now: SERVER_NOW }]);
  });
});

test('what is old is forgotten, also when it was written by a clock years ahead', async () => {
  const storage = new MemoryStorage();
  const seenAt = SERVER_NOW + 70 * YEAR;
  await storage.write(ids.map((id) => ({ do: 'seen.add', from: 'bob', id, seenAt })));
  await run(storage, clockOff(0), []);
  const later = new ManualClock();
  await later.sleep(8 * DAY);
  const { gateway } = setup({ storage, clock: later, tuning: { seen: KEEP } });
  await settle();
  await gateway.last.open();
  const limits = { maxPacketBytes: 65_536, sendWindow: 1, receiveWindow: 1, ackTimeoutMs: 1, ratePerS: 0 };
  const login = { type: 'login:A', user: 'alice', device: 'default', session: 's1', limits };
  await gateway.last.send({ ...login, at: SERVER_NOW + 8 * DAY });
  const seen = await storage.seen(ids.map((id) => ({ from: 'bob', id })));
  expect(seen.filter(Boolean).length).toBe(5);
});

describe('a deadline of the last run', () => {
  test.each([
    ['right', 0],
    ['years ahead', 10 * YEAR],
  ])('is over in time, though the clock was %s when it was set', async (_what, off) => {
    const storage = new MemoryStorage();
    const first = setup({ storage, clock: clockOff(off), user: 'alice' });
    first.client.send('bob', 1, { id: 'm1', deadlineMs: 60_000 });
    await settle();
    const second = setup({ storage: storage.clone(), user: 'alice' });
    await settle();
    const [message] = second.client.outbox();
    expect(message?.state).toBe('sending');
    await second.clock.advance(59_900);
    expect(message?.state).toBe('sending');
    await second.clock.advance(200);
    expect(message).toMatchObject({ state: 'failed', reason: 'deadline' });
  });

  test('of this run does not move with the wall clock', async () => {
    const { client, clock } = setup();
    const message = client.send('bob', 1, { deadlineMs: 60_000 });
    await clock.advance(1_000);
    clock.wallOff = 10 * YEAR;
    await clock.advance(58_900);
    expect(message.state).toBe('sending');
    clock.wallOff = -10 * YEAR;
    await clock.advance(200);
    expect(message.state).toBe('failed');
  });
});
