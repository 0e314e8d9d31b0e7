import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { TcpProxy } from '../../testkit/tcp-proxy.ts';
import type { Environment } from '../environment.ts';
import { any, nothing, type Target } from './fault.ts';

/** The way from one process to another kind; where there are several (the nodes of a cluster), all of them or one. */
interface Way {
  from: string;
  to: 'clients' | 'broker' | 'database';
  proxies: readonly TcpProxy[];
}

const wayName = ({ from, to }: Way) => `${from}, its way to the ${to}`;
const some = ({ proxies }: Way, random: SeededRandom) =>
  random.chance(0.5) ? proxies : [random.pick(proxies)];

export function stall(way: Way): Target {
  return {
    name: wayName(way),
    hurts: way.from,
    strike: (random) => {
      const lastsMs = any(random);
      const proxies = some(way, random);
      for (const proxy of proxies) proxy.stall();
      return {
        what: `nothing moves for ${lastsMs} ms`,
        lastsMs,
        heal: () => proxies.forEach((proxy) => proxy.resume()),
      };
    },
  };
}

export function lose(way: Way): Target {
  return {
    name: wayName(way),
    hurts: way.from,
    strike: (random) => {
      const proxies = some(way, random);
      const count = proxies.reduce((sum, { connections }) => sum + connections, 0);
      for (const proxy of proxies) proxy.lose();
      return { what: `${count} connections half-open`, lastsMs: 0, heal: nothing };
    },
  };
}

/** Longer than its work may wait for it, milliseconds: others must take over. */
const CUT_MS = { min: 15_000, max: 25_000 };

/** Connections are refused, and those of now are reset: only this process is cut off. */
export function cut(way: Way): Target {
  return {
    name: wayName(way),
    hurts: way.from,
    strike: (random) => {
      const lastsMs = random.integer(CUT_MS.min, CUT_MS.max);
      for (const proxy of way.proxies) proxy.cut();
      return {
        what: `cut off for ${lastsMs} ms`,
        lastsMs,
        heal: () => way.proxies.forEach((proxy) => proxy.mend()),
      };
    },
  };
}

/** The ways of one kind, one target for each service that has such a way. */
export const ways = (to: Way['to'], hurt: (way: Way) => Target) => (environment: Environment) =>
  environment.members.flatMap((member) => {
    const proxies = [member[to] ?? []].flat();
    return proxies.length > 0 ? [hurt({ from: member.process.name, to, proxies })] : [];
  });
