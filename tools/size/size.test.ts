import { expect, test } from 'vitest';
import { admissionConfig } from '../../services/gateway/admission/config.ts';
import { endsOf } from './ends.ts';
import { cpuOf, pricesOf, totalOf } from './fit.ts';
import { type Loop, readMeasured, ROLES } from './measured.ts';
import { CONNECTIONS, type Need, planFor } from './plan.ts';
import { compare } from './predict.ts';
import { workOf } from './ways.ts';

const measured = readMeasured();
const NEED: Need = {
  ...{ users: 10_000, rate: 1_000, bodyBytes: 200, away: 0.2, waiting: 1_000_000 },
  ...{ latencyMs: 30, partitions: 8, events: false, outageMinutes: 60, brokerNodes: 3 },
};
const LAYOUT = { gateways: 2, routing: 1, ack: 1, partitions: 8 };

test('the prices tell what was measured, within 20 %', () => {
  for (const loop of measured.loops.filter(({ straight }) => straight === measured.loops.at(-1)?.straight)) {
    const { cpuError, throughputError } = compare(measured, loop);
    expect(Math.abs(cpuError), `CPU with ${loop.underWay} under way`).toBeLessThan(0.2);
    expect(Math.abs(throughputError), `throughput with ${loop.underWay} under way`).toBeLessThan(0.2);
  }
});

test('prices come out of costs that were made of them', () => {
  const prices = Object.fromEntries(ROLES.map((role, n) => [role, { entry: n + 1, group: 10 * n + 5 }]));
  const loops = [50, 400, 5_000].map((underWay): Loop => {
    const load = { underWay, straight: false };
    const cpu = cpuOf(prices as ReturnType<typeof pricesOf>, LAYOUT, load);
    return { size: LAYOUT, ...load, perSecond: 1, cpu: { ...cpu, load: 0 } };
  });
  for (const role of ROLES) {
    expect(pricesOf({ loops })[role].entry).toBeCloseTo(prices[role]?.entry ?? 0);
    expect(pricesOf({ loops })[role].group).toBeCloseTo(prices[role]?.group ?? 0);
  }
});

test('a message alone is three AMQP messages, four through ack, and many share them', () => {
  const groups = (underWay: number, straight: boolean) =>
    workOf('rabbitmq', LAYOUT, { underWay, straight }).groups;
  expect(groups(1, true)).toBe(3);
  expect(groups(1, false)).toBe(4);
  expect(groups(1_000, true)).toBeLessThan(0.15);
  expect(workOf('ack', LAYOUT, { underWay: 1, straight: true })).toEqual({ entries: 0, groups: 0 });
});

test('more processes share less', () => {
  const cpu = (gateways: number) =>
    totalOf(
      cpuOf(
        pricesOf(measured),
        { ...LAYOUT, gateways, routing: gateways },
        { underWay: 4_000, straight: false },
      ),
    );
  expect(cpu(4)).toBeGreaterThan(cpu(2));
  expect(cpu(2)).toBeGreaterThan(cpu(1));
});

test('a small installation has two of each service, and a large one as many as half of their cores do', () => {
  expect(planFor(NEED, measured).layout).toMatchObject({ gateways: 2, routing: 2, ack: 2 });
  const { layout, cores } = planFor({ ...NEED, rate: 100_000, users: 1_000_000, partitions: 32 }, measured);
  expect(layout.gateways).toBeGreaterThanOrEqual(1_000_000 / CONNECTIONS);
  expect(cores.gateway / layout.gateways).toBeLessThanOrEqual(0.5);
  expect(cores.routing / layout.routing).toBeLessThanOrEqual(0.5);
  expect(cores.ack / layout.ack).toBeLessThanOrEqual(0.5);
});

test('more of anything never needs less', () => {
  const needed = (need: Partial<Need>) => {
    const { layout, cores, gatewayBytes, brokerDiskBytes, databaseDiskBytes } = planFor(
      { ...NEED, ...need },
      measured,
    );
    return [layout.gateways, totalOf(cores), gatewayBytes, brokerDiskBytes, databaseDiskBytes];
  };
  const least = needed({});
  for (const need of [
    { users: 15_000 },
    { rate: 5_000 },
    { waiting: 5_000_000 },
    { bodyBytes: 1_000 },
    { away: 0.4 },
  ])
    needed(need).forEach((amount, n) => expect(amount).toBeGreaterThanOrEqual(least[n] ?? 0));
});

test('each end is beyond what a small installation takes, and nearer for a need that uses it more', () => {
  const ends = (need: Need) => endsOf(need, planFor(need, measured), measured);
  for (const { used } of ends(NEED)) expect(used).toBeLessThan(0.2);
  const [partitions, leaders, primary] = ends({ ...NEED, away: 0.5 });
  expect(primary?.most).toBeLessThan(ends(NEED)[2]?.most ?? 0);
  expect(partitions?.most).toBeLessThan(ends({ ...NEED, partitions: 32 })[0]?.most ?? 0);
  expect(leaders?.most).toBeGreaterThan(NEED.rate);
});

test('a gateway takes as many clients as its setting says', () => {
  expect(admissionConfig.MAX_CONNECTIONS.parse(undefined)).toBe(CONNECTIONS);
});
