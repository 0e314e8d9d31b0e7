import type { Context } from '../context.ts';
import type { Point } from '../point.ts';
import { pointTables, processesOf } from '../report/points.ts';
import type { Section } from '../section.ts';
import { closedLoopPoint } from './loops.ts';

/** The same closed loop with more and more processes: how much more comes through, and what it costs. */
export async function scaleOut(context: Context): Promise<Section> {
  const { sizes, outstanding } = context.options;
  const most = Math.max(1, ...outstanding);
  const points: Point[] = [];
  for (const size of sizes) {
    const world = await context.services(size);
    context.say(`scale-out, ${processesOf(size)}`);
    points.push(await closedLoopPoint(context, world, most));
  }
  const processes = ({ size: { gateways, routing, ack } }: Point) => gateways + routing + ack;
  const line = (name: string, value: (point: Point) => number) => ({
    name,
    points: points.map((point) => [processes(point), value(point)] as const),
  });
  return {
    title: 'Scale-out',
    tables: pointTables(points, context.limits),
    charts: [
      {
        name: 'scale-out',
        title: 'Confirmed messages a second by processes of ours',
        x: { name: 'gateways + routing + ack' },
        y: { name: 'messages/s' },
        lines: [line('confirmed/s', ({ perSecond }) => perSecond)],
      },
    ],
    data: points,
  };
}
