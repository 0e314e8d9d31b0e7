import { z } from 'zod';
import type { Cpu, Loop, Measured } from './measured.ts';

/** As much as the model needs of the results.json of `npm run load`. */

const CpuByRole = z.object({
  gateway: z.number(),
  routing: z.number(),
  ack: z.number(),
  rabbitmq: z.number(),
  postgres: z.number(),
  load: z.number(),
});

const Point = z.object({
  size: z.object({ gateways: z.number(), routing: z.number(), ack: z.number() }),
  pairs: z.number(),
  outstandingPerPair: z.number().optional(),
  rate: z.number().optional(),
  perSecond: z.number(),
  cpuByRole: CpuByRole,
});

export const Results = z.object({
  host: z.object({
    at: z.string(),
    cpus: z.number(),
    model: z.string(),
    node: z.string(),
    commit: z.string(),
  }),
  options: z.object({ env: z.record(z.string(), z.string()).optional() }),
  'closed-loop': z.array(Point).optional(),
  'scale-out': z.array(Point).optional(),
  'open-loop': z.array(Point).optional(),
  'login-storm': z.object({ cpuByRole: CpuByRole }).optional(),
  'offline-storm': z.object({ parts: z.array(z.object({ cpuByRole: CpuByRole })) }).optional(),
  idle: z.object({ bytesPerConnection: z.object({ gateways: z.array(z.number()) }) }).optional(),
});
export type Results = z.output<typeof Results>;

/** The closed loops of a scenario. */
export const loopsOf = (results: Results, scenario: 'closed-loop' | 'scale-out'): Loop[] =>
  (results[scenario] ?? []).map(({ size, pairs, outstandingPerPair = 1, perSecond, cpuByRole }) => ({
    ...{ size, perSecond, cpu: cpuByRole },
    straight: results.options.env?.['EVENTS'] === undefined,
    underWay: pairs * outstandingPerPair,
  }));

/**
 * What the model takes from a run with the scenarios closed-loop, open-loop, login-storm, offline-storm and idle.
 *
 * @param before has what the run does not tell: the price of ack, which a run without events does not use
 * @throws Error when a scenario is missing
 */
export function measuredOf(results: Results, before: Measured): Measured {
  const { host, idle } = results;
  const slow = results['open-loop']?.reduce((most, one) => ((one.rate ?? 0) > (most.rate ?? 0) ? one : most));
  const loops = loopsOf(results, 'closed-loop');
  const [login, parts] = [results['login-storm'], results['offline-storm']?.parts];
  const [idleBytes] = idle?.bytesPerConnection.gateways ?? [];
  if (loops.length < 2 || !slow || !login || !parts || idleBytes === undefined)
    throw new Error(
      'The run must have closed-loop (of several --outstanding), open-loop, login-storm, offline-storm and idle.',
    );
  const older = before.loops.filter(({ straight }) => !straight);
  return {
    source: `${host.at}: ${host.cpus} x ${host.model}, Node ${host.node}, commit ${host.commit}`,
    cores: host.cpus,
    loops: [...older, ...loops.filter(({ straight }) => straight)],
    slow: { rate: slow.rate ?? 0, cpu: withoutLoad(slow.cpuByRole) },
    login: withoutLoad(login.cpuByRole),
    mailbox: parts.map(({ cpuByRole }) => withoutLoad(cpuByRole)).reduce(add),
    idleBytes,
  };
}

const withoutLoad = ({ gateway, routing, ack, rabbitmq, postgres }: z.output<typeof CpuByRole>): Cpu => ({
  ...{ gateway, routing, ack, rabbitmq, postgres },
});

const add = (a: Cpu, b: Cpu): Cpu => ({
  gateway: a.gateway + b.gateway,
  routing: a.routing + b.routing,
  ack: a.ack + b.ack,
  rabbitmq: a.rabbitmq + b.rabbitmq,
  postgres: a.postgres + b.postgres,
});
