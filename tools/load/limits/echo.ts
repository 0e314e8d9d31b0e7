import { Fleet } from '../fleet.ts';
import { measure, type Period } from '../measure.ts';
import { Worker } from '../worker.ts';
import type { EchoApi } from './echo-server.ts';
import type { Limit } from './limit.ts';

export interface EchoLimitOptions extends Period {
  dataDir: string;
  bodyBytes: number;
  pairs: number;
  /** Packets that each connection has under way. */
  outstanding: number;
  generators: number;
  /** Messages a second that are due, instead of so many packets under way. */
  rate?: number;
}

/** Frames of one message: msg:R, msg:A, msg:N, ack:R, ack:A, ack:N. An echo has two. */
const FRAMES_PER_ECHO = 2 / 6;

/**
 * How many messages a second could a gateway take, if it were nothing but its WebSocket library?
 *
 * The load generator sends packets as long as its msg:R to one process, which sends them back. A message has six frames on WebSockets, an
 * echo two: three echoes count as one message.
 */
export async function echoLimit(options: EchoLimitOptions): Promise<Limit> {
  const { dataDir, bodyBytes, pairs, outstanding, generators, rate } = options;
  const server = new Worker<EchoApi>('limits/echo-server.ts', { name: 'echo', dataDir });
  const fleet = new Fleet(generators, dataDir);
  try {
    const url = await server.call('listen');
    await fleet.connectEcho(pairs, { url, tag: 'echo', body: 'x'.repeat(bodyBytes) });
    if (rate === undefined) await fleet.closedLoop(outstanding);
    else await fleet.openLoop(rate / FRAMES_PER_ECHO);
    const roles = [{ name: server.name, role: 'server', pid: server.pid }];
    const { perSecond, latency, cpuByRole } = await measure(fleet, roles, options);
    await fleet.stop();
    return {
      name: 'WebSocket echo, three for a message',
      perSecond: perSecond * FRAMES_PER_ECHO,
      latency,
      cpuByRole: Object.fromEntries(
        Object.entries(cpuByRole).map(([role, ms]) => [role, ms / FRAMES_PER_ECHO]),
      ),
    };
  } finally {
    await Promise.all([fleet.end(), server.end()]);
  }
}
