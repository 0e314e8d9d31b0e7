import { expect, test } from 'vitest';
import { readMeasured } from './measured.ts';
import { loopsOf, measuredOf, Results } from './results.ts';

const cpu = { gateway: 20, routing: 4, ack: 0, rabbitmq: 6, postgres: 1, load: 4 };
const point = { size: { gateways: 2, routing: 1, ack: 1 }, pairs: 100, perSecond: 40_000, cpuByRole: cpu };
const results = Results.parse({
  host: { at: '2026-11-28', cpus: 4, model: 'CPU', node: '24', commit: 'c0ffee' },
  options: {},
  'closed-loop': [10, 40].map((outstandingPerPair) => ({ ...point, outstandingPerPair })),
  'scale-out': [{ ...point, outstandingPerPair: 40 }],
  'open-loop': [500, 2_000].map((rate) => ({ ...point, rate })),
  'login-storm': { cpuByRole: cpu },
  'offline-storm': { parts: [{ cpuByRole: cpu }, { cpuByRole: cpu }] },
  idle: { bytesPerConnection: { gateways: [12_000, 8_000] } },
});

test('the measurements of a run, and of the one before what this one does not tell', () => {
  const before = readMeasured();
  const measured = measuredOf(results, before);
  expect(measured).toMatchObject({
    cores: 4,
    slow: { rate: 2_000 },
    mailbox: { gateway: 40 },
    idleBytes: 12_000,
  });
  expect(measured.loops.filter(({ straight }) => straight)).toHaveLength(2);
  expect(measured.loops.filter(({ straight }) => !straight)).toEqual(
    before.loops.filter(({ straight }) => !straight),
  );
});

test('a run that lacks a scenario tells too little', () => {
  expect(() => measuredOf({ ...results, idle: undefined }, readMeasured())).toThrow('idle');
});

test('with events, receipts go through ack', () => {
  expect(loopsOf(results, 'scale-out')).toMatchObject([{ underWay: 4_000, straight: true }]);
  const withEvents = { ...results, options: { env: { EVENTS: 'message.delivered' } } };
  expect(loopsOf(withEvents, 'scale-out')).toMatchObject([{ straight: false }]);
});
