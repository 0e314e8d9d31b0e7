import { setTimeout as delay } from 'node:timers/promises';
import { Fleet } from '../fleet.ts';
import { measure, type Measured } from '../measure.ts';
import type { BenchOptions, Size, World } from '../options.ts';

/** One measured load. */
export interface Point extends Measured {
  size: Size;
  pairs: number;
  /** Of a closed loop: messages that each pair has under way. */
  outstandingPerPair?: number;
  /** Of an open loop: messages a second that were due. */
  rate?: number;
}

type Load = Pick<BenchOptions, 'pairs' | 'bodyBytes' | 'generators' | 'seconds' | 'warmup'>;

/** Rest between two loads, so that the first one's work (acks, housekeeping) is not counted to the second, milliseconds. */
const REST_MS = 1_000;

/** A fleet with its pairs logged in. */
export async function fleetOf(world: World, dataDir: string, load: Load): Promise<Fleet> {
  const fleet = new Fleet(load.generators, dataDir);
  const tag = Math.random().toString(36).slice(2, 8);
  const { urls, secret } = world;
  await fleet.connect(load.pairs, { urls, secret, tag, body: 'x'.repeat(load.bodyBytes) });
  await delay(REST_MS);
  return fleet;
}

/** As many messages as come through, with so many under way. */
export async function closedLoop(
  fleet: Fleet,
  world: World,
  load: Load,
  outstandingPerPair: number,
): Promise<Point> {
  await fleet.closedLoop(outstandingPerPair);
  const measured = await measure(fleet, world.roles, load);
  await fleet.stop();
  await delay(REST_MS);
  return { ...measured, size: world.size, pairs: load.pairs, outstandingPerPair };
}

/** So many messages a second, whatever becomes of them. */
export async function openLoop(fleet: Fleet, world: World, load: Load, rate: number): Promise<Point> {
  await fleet.openLoop(rate);
  const measured = await measure(fleet, world.roles, load);
  await fleet.stop();
  await delay(REST_MS);
  return { ...measured, size: world.size, pairs: load.pairs, rate };
}
