import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../context.ts';
import type { Fleet } from '../fleet.ts';
import { measure } from '../measure.ts';
import { sizeOf, type World } from '../options.ts';
import type { Point } from '../point.ts';
import { latencyChart, pointTables } from '../report/points.ts';
import type { Section } from '../section.ts';

/** Rest before a load, so that what went before it (logins, housekeeping) is not counted to it, milliseconds. */
const REST_MS = 1_000;

/** As many messages as come through with so many under way, and how long they take then. */
export async function closedLoop(context: Context): Promise<Section> {
  const { options } = context;
  const world = await context.services(sizeOf(options));
  const points: Point[] = [];
  for (const outstanding of options.outstanding) {
    context.say(`closed loop, ${options.pairs} pairs x ${outstanding}`);
    points.push(await closedLoopPoint(context, world, outstanding));
  }
  const charts = [
    latencyChart('closed-loop', 'Closed loop: the more under way, the longer it takes', points),
  ];
  return { title: 'Closed loop', tables: pointTables(points, context.limits), charts, data: points };
}

/** So many messages a second, whatever becomes of them, and how long they take then. */
export async function openLoop(context: Context): Promise<Section> {
  const { options } = context;
  const world = await context.services(sizeOf(options));
  const points: Point[] = [];
  for (const rate of options.rates) {
    context.say(`open loop, ${rate} messages/s`);
    points.push(await context.withFleet(world, (fleet) => openLoopPoint(context, world, fleet, rate)));
  }
  const charts = [latencyChart('open-loop', 'Open loop: latency at a given rate', points)];
  return { title: 'Open loop', tables: pointTables(points, context.limits), charts, data: points };
}

export function closedLoopPoint(context: Context, world: World, outstandingPerPair: number): Promise<Point> {
  return context.withFleet(world, async (fleet) => {
    await delay(REST_MS);
    await fleet.closedLoop(outstandingPerPair);
    const measured = await measure(fleet, world.roles, context.options);
    await fleet.stop();
    return { ...measured, size: world.size, pairs: context.options.pairs, outstandingPerPair };
  });
}

export async function openLoopPoint(
  { options }: Context,
  world: World,
  fleet: Fleet,
  rate: number,
): Promise<Point> {
  await delay(REST_MS);
  await fleet.openLoop(rate);
  const measured = await measure(fleet, world.roles, options);
  await fleet.stop();
  return { ...measured, size: world.size, pairs: options.pairs, rate };
}
