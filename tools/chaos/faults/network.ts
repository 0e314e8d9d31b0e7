import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { Proxies } from '../../testkit/service-handle.ts';
import type { TcpProxy } from '../../testkit/tcp-proxy.ts';
import { any, type Begun, noTime, target, type Targets } from './fault.ts';

/** Longer than its work may wait, milliseconds: others must take over. */
const CUT_MS = { min: 15_000, max: 25_000 };

/** One target for each service that has connections of this kind: one proxy, or one for each node of the cluster. */
const connections =
  (hurt: (proxies: readonly TcpProxy[], random: SeededRandom) => Begun, lasts = any) =>
  (to: keyof Proxies): Targets =>
  ({ system }) =>
    system.services.flatMap(({ name, proxies }) => {
      const all = [proxies[to] ?? []].flat();
      const begin = (random: SeededRandom) => hurt(all, random);
      return all.length > 0 ? [target(`${name}, its connection to the ${to}`, begin, lasts, name)] : [];
    });

const some = (proxies: readonly TcpProxy[], random: SeededRandom) =>
  random.chance(0.5) ? proxies : [random.pick(proxies)];

export const stall = connections((all, random) => {
  const proxies = some(all, random);
  for (const proxy of proxies) proxy.stall();
  return ['nothing moves', () => proxies.forEach((proxy) => proxy.resume())];
});

export const lose = connections((all, random) => {
  const proxies = some(all, random);
  const count = proxies.reduce((sum, proxy) => sum + proxy.connections, 0);
  for (const proxy of proxies) proxy.lose();
  return [`${count} connections half-open`];
}, noTime);

/** Resets the connections of this process, and refuses new ones. */
export const cut = connections(
  (proxies) => {
    for (const proxy of proxies) proxy.cut();
    return ['cut off', () => proxies.forEach((proxy) => proxy.mend())];
  },
  (random) => random.integer(CUT_MS.min, CUT_MS.max),
);
