import type { Leftovers } from '../leftovers.ts';
import { type Copy, isDropped } from './copies.ts';
import type { Facts } from './facts.ts';
import type { Violation } from './guarantees.ts';
import type { SyncedDevice } from './synced-devices.ts';

/** Counts that a device was told or will find, each once. */
function countsOf({ who, missed }: SyncedDevice, leftovers: Leftovers): number {
  const counts = new Map([...missed, ...(leftovers.devices.missed.get(who) ?? [])]);
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** Copies that devices missed, by their counts. */
export const missedOf = ({ devices }: Facts, leftovers: Leftovers): number =>
  devices.all.reduce((sum, device) => sum + countsOf(device, leftovers), 0);

/** PROTOCOL: sync, 3: a copy that was dropped is counted to its device, and the application is told. */
export function checkMissed(copies: readonly Copy[], { devices }: Facts, leftovers: Leftovers): Violation[] {
  const byDevice = Map.groupBy(copies, ({ device }) => device);
  return devices.all.flatMap((device) => {
    const { who, missed, confirmed, toldMissed } = device;
    const own = byDevice.get(device) ?? [];
    const dropped = own.filter(isDropped);
    const over = dropped.filter(({ expired }) => expired).length;
    const most = own.reduce((sum, copy) => sum + mostCounted(copy), 0);
    const counted = countsOf(device, leftovers);
    const kinds = `${over} expired, ${dropped.length - over} did not`;
    const heard = [...missed].reduce((sum, [key, count]) => sum + (confirmed.has(key) ? count : 0), 0);
    const broken: [boolean, string][] = [
      [
        counted < dropped.length,
        `missed, and not told: ${who} did not get ${dropped.length} copies (${kinds}), and the server counted ${counted}`,
      ],
      [
        counted > most,
        `told of more than it missed: ${who} did not get ${dropped.length} copies (at most ${most}), and the server counted ${counted}`,
      ],
      [
        toldMissed < heard,
        `the application of ${who} was told that it missed ${toldMissed}, and confirmed ${heard}`,
      ],
    ];
    return broken.filter(([is]) => is).map(([, what]): Violation => ({ guarantee: 'G6', what }));
  });
}

/** How often the server may have counted it. What a device got in time, and was not sent twice, it cannot have missed. */
const mostCounted = ({ fate, late, more }: Copy): number =>
  fate === 'handed' || fate === 'waiting' ? more + Number(late) : 1 + more;
