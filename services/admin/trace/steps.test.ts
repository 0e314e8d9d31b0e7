import { expect, test } from 'vitest';
import { detailsOf, stepsOf } from './steps.ts';

const line = (from: string, id: string, msg: string, more = {}) =>
  JSON.stringify({
    level: 10,
    time: '2026-01-02T03:04:05.678Z',
    service: 'gateway',
    pid: 7,
    from,
    id,
    ...more,
    msg,
  });

test('the steps of one message are found among the lines, whatever stands in front of them', () => {
  const steps = stepsOf(
    [
      line('alice', 'm1', 'msg:R', { session: 's' }),
      line('alice', 'm10', 'msg:R'),
      line('malice', 'm1', 'msg:R'),
      'not a log line of "from":"alice","id":"m1"',
      line('alice', 'm1', 'cut off').slice(0, -3),
      `gateway-2  | ${line('alice', 'm1', 'msg:A')}`,
    ],
    { from: 'alice', id: 'm1' },
  );
  expect(steps.map(({ step }) => step)).toEqual(['msg:R', 'msg:A']);
  const [first] = steps;
  expect(first).toMatchObject({ t: Date.parse('2026-01-02T03:04:05.678Z'), service: 'gateway', pid: 7 });
  expect(first && detailsOf(first)).toBe(' session="s"');
});
