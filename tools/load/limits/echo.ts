import type { Context } from '../context.ts';
import type * as EchoServer from '../jobs/echo-server.ts';
import { mapValues } from '../meter.ts';
import type { Limit } from '../report/points.ts';

/** Frames of one message: msg:R, msg:A, msg:N, ack:R, ack:A, ack:N. An echo has two. */
const ECHOES_PER_MESSAGE = 3;

/**
 * The messages a second that a gateway could take if it were nothing but its WebSocket library: the load generators send
 * packets as long as msg:R to one process, which sends them back. Three echoes count as one message.
 *
 * @param rate messages a second that are due, instead of a closed loop
 */
export async function echoLimit(context: Context, rate?: number): Promise<Limit> {
  const { options } = context;
  await using server = context.worker<typeof EchoServer>('echo-server', 'echo');
  await using generators = context.generators();
  const urls = [await server.call('listen')];
  const order = { urls, secret: '', tag: 'echo', body: 'x'.repeat(options.bodyBytes), slowEvery: 0 };
  await generators.connect(options.pairs, { ...order, echo: true });
  if (rate === undefined) await generators.closedLoop(Math.max(1, ...options.outstanding));
  else await generators.openLoop(rate * ECHOES_PER_MESSAGE);
  const { perSecond, latency, cpuByRole } = await generators.measure([server.as('server')], options);
  await generators.stop();
  return {
    name: 'WebSocket echo, three for a message',
    perSecond: perSecond / ECHOES_PER_MESSAGE,
    latency,
    cpuByRole: mapValues(cpuByRole, (ms) => ms * ECHOES_PER_MESSAGE),
  };
}
