import type { Context } from '../context.ts';
import { type Point, pointTables, processesOf } from '../report/points.ts';
import { linesOf, type Section } from '../report/section.ts';
import { measurePoint } from './loops.ts';

/** The same closed loop with more and more processes: throughput and cost. */
export async function scaleOut(context: Context): Promise<Section> {
  const { sizes, outstanding } = context.options;
  const points: Point[] = [];
  for (const size of sizes) {
    const services = await context.services(size);
    context.say(`scale-out, ${processesOf(size)}`);
    points.push(await measurePoint(context, services, { outstandingPerPair: Math.max(1, ...outstanding) }));
  }
  const processes = ({ size: { gateways, routing, ack } }: Point) => gateways + routing + ack;
  const chart = {
    name: 'scale-out',
    title: 'Confirmed messages a second by number of service processes',
    x: { name: 'gateways + routing + ack' },
    y: { name: 'messages/s' },
    lines: linesOf(points, processes, { 'confirmed/s': ({ perSecond }) => perSecond }),
  };
  return { title: 'Scale-out', tables: pointTables(points, context.limits), charts: [chart], data: points };
}
