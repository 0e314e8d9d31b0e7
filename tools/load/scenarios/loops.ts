import { setTimeout as delay } from 'node:timers/promises';
import type { Context, Services } from '../context.ts';
import type { Over } from '../jobs/pairs.ts';
import { sizeOf } from '../options.ts';
import { latencyChart, type Point, pointTables } from '../report/points.ts';
import type { Section } from '../report/section.ts';

/** Rest before a load, so that earlier work (logins, housekeeping) is not counted, milliseconds. */
const REST_MS = 1_000;

/** Throughput and latency with a fixed number of messages under way. */
export async function closedLoop(context: Context): Promise<Section> {
  const { options } = context;
  const services = await context.services(sizeOf(options));
  const points: Point[] = [];
  for (const outstanding of options.outstanding) {
    context.say(`closed loop, ${options.pairs} pairs x ${outstanding}`);
    points.push(await measurePoint(context, services, { outstandingPerPair: outstanding }));
  }
  const chart = latencyChart('closed-loop', 'Closed loop: the more under way, the longer it takes', points);
  return { title: 'Closed loop', tables: pointTables(points, context.limits), charts: [chart], data: points };
}

/** Latency at a fixed rate of messages. */
export async function openLoop(context: Context): Promise<Section> {
  const { options } = context;
  const services = await context.services(sizeOf(options));
  const points: Point[] = [];
  for (const rate of options.rates) {
    context.say(`open loop, ${rate} messages/s`);
    points.push(await measurePoint(context, services, { rate }));
  }
  const chart = latencyChart('open-loop', 'Open loop: latency at a given rate', points);
  return { title: 'Open loop', tables: pointTables(points, context.limits), charts: [chart], data: points };
}

/** Measures a closed or an open loop. @param slowEvery see PairsOrder */
export async function measurePoint(
  context: Context,
  services: Services,
  load: { pairs?: number; outstandingPerPair?: number; rate?: number; over?: Over | undefined },
  slowEvery = 0,
): Promise<Point> {
  const { options } = context;
  const { pairs = options.pairs, rate, outstandingPerPair = 1, over } = load;
  await using generators = await context.pairs(services, { pairs, slowEvery, over });
  await delay(REST_MS);
  if (rate === undefined) await generators.closedLoop(outstandingPerPair);
  else await generators.openLoop(rate);
  const measured = await generators.measure(services.roles, options);
  await generators.stop();
  return { ...measured, size: services.size, ...load, pairs };
}
