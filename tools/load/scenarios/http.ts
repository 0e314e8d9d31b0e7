import type { Context } from '../context.ts';
import type { Over } from '../jobs/pairs.ts';
import { sizeOf } from '../options.ts';
import { type Point, pointTables } from '../report/points.ts';
import type { Section } from '../report/section.ts';
import { measurePoint } from './loops.ts';

const WAYS: readonly { over?: Over; name: string }[] = [
  { name: 'WebSocket' },
  { over: 'requests', name: 'a request each' },
  { over: 'batches', name: 'NDJSON' },
];

/** The closed loop with messages that go over HTTP instead of the WebSocket, in turns. */
export async function http(context: Context): Promise<Section> {
  const { outstanding, turns } = context.options;
  const services = await context.services(sizeOf(context.options));
  const points: (Point & { name: string })[] = [];
  for (let turn = 1; turn <= turns; turn++)
    for (const outstandingPerPair of outstanding)
      for (const { over, name } of WAYS) {
        context.say(`turn ${turn} of ${turns}, ${outstandingPerPair} under way for each pair: ${name}`);
        points.push({ ...(await measurePoint(context, services, { outstandingPerPair, over })), name });
      }
  return { title: 'Sent over HTTP', tables: pointTables(points, context.limits), data: points };
}
