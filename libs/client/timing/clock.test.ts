import { expect, test } from 'vitest';
import { ManualClock } from '../testing/manual-clock.ts';
import { Alarm } from './clock.ts';

test('rings once, at the time it was last set to', async () => {
  const clock = new ManualClock();
  const rings: number[] = [];
  const alarm = new Alarm(clock, () => rings.push(clock.now()));
  alarm.set(100);
  alarm.set(300);
  await clock.advance(1000);
  expect(rings).toEqual([300]);
  expect(alarm.at).toBeUndefined();
});

test('notLaterThan moves it forward, never back', async () => {
  const clock = new ManualClock();
  const rings: number[] = [];
  const alarm = new Alarm(clock, () => rings.push(clock.now()));
  alarm.notLaterThan(200);
  alarm.notLaterThan(500);
  alarm.notLaterThan(100);
  await clock.advance(1000);
  expect(rings).toEqual([100]);
});

test('a cleared alarm leaves no timer', async () => {
  const clock = new ManualClock();
  const alarm = new Alarm(clock, () => expect.unreachable());
  alarm.in(10);
  alarm.clear();
  expect(clock.pending).toBe(0);
  await clock.advance(20);
});

test('a wait longer than timers can hold comes in parts', async () => {
  const clock = new ManualClock();
  const month = 30 * 24 * 60 * 60 * 1000;
  const rings: number[] = [];
  const alarm = new Alarm(clock, () => rings.push(clock.now()));
  alarm.in(month);
  await clock.advance(2 ** 31);
  expect(rings).toEqual([]);
  await clock.advance(month);
  expect(rings).toEqual([month]);
});

test('does not ring early when a timer fires a little early', async () => {
  const clock = new ManualClock();
  const early = { now: () => clock.now() - 5, date: () => 0, setTimeout: clock.setTimeout.bind(clock) };
  const rings: number[] = [];
  const alarm = new Alarm({ ...early, clearTimeout: clock.clearTimeout.bind(clock) }, () =>
    rings.push(early.now()),
  );
  alarm.set(100);
  await clock.advance(200);
  expect(rings.length).toBe(1);
  expect(rings[0]).toBeGreaterThanOrEqual(99);
});
