import type { Dice } from '../../testkit/dice.ts';
import type { TcpProxy } from '../../testkit/tcp-proxy.ts';
import type { World } from '../world.ts';
import { any, nothing, type Target } from './fault.ts';

/** The way from one process to another kind; where there are several (the nodes of a cluster), all of them or one. */
interface Way {
  from: string;
  to: 'clients' | 'broker' | 'database';
  proxies: readonly TcpProxy[];
}

const wayName = ({ from, to }: Way) => `${from}, its way to the ${to}`;
const some = ({ proxies }: Way, dice: Dice) => (dice.chance(0.5) ? proxies : [dice.pick(proxies)]);

export function stall(way: Way): Target {
  return {
    name: wayName(way),
    hurts: way.from,
    strike: (dice) => {
      const lastsMs = any(dice);
      const proxies = some(way, dice);
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
    strike: (dice) => {
      const proxies = some(way, dice);
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
    strike: (dice) => {
      const lastsMs = dice.whole(CUT_MS.min, CUT_MS.max);
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
export const ways = (to: Way['to'], hurt: (way: Way) => Target) => (world: World) =>
  world.members.flatMap((member) => {
    const proxies = [member[to] ?? []].flat();
    return proxies.length > 0 ? [hurt({ from: member.process.name, to, proxies })] : [];
  });
