import { type Cpu, type Loop, type Measured, type Role, ROLES } from './measured.ts';
import { type Layout, type Traffic, type Work, workOf } from './ways.ts';

/** `ROUTE_PARTITIONS` of the measurements. */
const PARTITIONS = 8;

/** CPU time of a role for 1,000 messages, milliseconds: what an entry costs, and what an AMQP message costs. */
export interface Price {
  entry: number;
  group: number;
}
export type Prices = Record<Role, Price>;

export const layoutOf = ({ size }: Pick<Loop, 'size'>, partitions = PARTITIONS): Layout => ({
  ...size,
  partitions,
});

/** Prices that come closest to the closed loops. */
export const pricesOf = ({ loops }: Pick<Measured, 'loops'>): Prices =>
  Object.fromEntries(ROLES.map((role) => [role, priceOf(role, loops)])) as Prices;

/** Of loops in which the role had work; those with straight receipts first, as that is how it works today. */
function priceOf(role: Role, loops: readonly Loop[]): Price {
  const points = loops.map((loop) => ({ loop, work: workOf(role, layoutOf(loop), loop) }));
  const busy = points.filter(({ work }) => work.entries > 0);
  const straight = busy.filter(({ loop }) => loop.straight);
  const used = straight.length > 1 ? straight : busy;
  return leastSquares(used.map(({ loop, work }) => ({ ...work, cpu: loop.cpu[role] })));
}

/** Errors count in relation to the measured value; a price is not negative. */
function leastSquares(points: readonly (Work & { cpu: number })[]): Price {
  const scaled = points
    .filter(({ cpu }) => cpu > 0)
    .map(({ entries, groups, cpu }) => ({ x: entries / cpu, y: groups / cpu }));
  const sum = (of: (point: { x: number; y: number }) => number) =>
    scaled.reduce((total, point) => total + of(point), 0);
  const [xx, xy, yy] = [sum(({ x }) => x * x), sum(({ x, y }) => x * y), sum(({ y }) => y * y)];
  const [x, y] = [sum((point) => point.x), sum((point) => point.y)];
  const determinant = xx * yy - xy * xy;
  if (determinant > 0) {
    const [entry, group] = [(x * yy - y * xy) / determinant, (y * xx - x * xy) / determinant];
    if (entry >= 0 && group >= 0) return { entry, group };
  }
  const both = { entry: xx > 0 ? x / xx : 0, group: yy > 0 ? y / yy : 0 };
  return both.entry > 0 ? { entry: both.entry, group: 0 } : { entry: 0, group: both.group };
}

/** CPU time for 1,000 live messages by role, milliseconds. */
export const cpuOf = (prices: Prices, layout: Layout, traffic: Traffic): Cpu =>
  Object.fromEntries(
    ROLES.map((role) => {
      const { entries, groups } = workOf(role, layout, traffic);
      return [role, entries * prices[role].entry + groups * prices[role].group];
    }),
  ) as Cpu;

export const totalOf = (cpu: Cpu): number => ROLES.reduce((sum, role) => sum + cpu[role], 0);
