import { DELIVERED, FINAL } from './fate.ts';
import { byDevice, type Message, type Told } from './message.ts';
import type { SyncedDevices } from './synced-devices.ts';

const RANK: Record<string, number> = { stored: 1, delivered: 2, rejected: 2, read: 3 };

/**
 * States only move forward, and nothing follows `rejected`. A later run of the program may be told again; and where a
 * message with a ttl has two copies, one may expire and the other be delivered (RELIABILITY: what is not promised).
 *
 * @returns devices whose application saw a step back
 */
export function stepsBack({ told, ttl, requested }: Message, devices: SyncedDevices): string[] {
  const isStep = ({ who, state, late, opened }: Told, before: Told | undefined) => {
    if (before === undefined || before.state === state) return false;
    const isLater = late && opened !== before.opened;
    const twice = ttl !== undefined && (requested.length > 1 || isLater) ? FINAL : DELIVERED;
    if (late && twice.includes(before.state) && twice.includes(state)) return false;
    // The mailbox of a synced device has `stored` as well, and a client remembers what it told for as long as it runs. One that
    // was killed before its storage had the state sends again, and that copy may wait.
    const isSentAgain = requested.filter((one) => one.who === who).length > 1;
    if (isLater && (devices.has(who) || isSentAgain)) return false;
    return before.state === 'rejected' || (RANK[state] ?? 0) <= (RANK[before.state] ?? 0);
  };
  return [...byDevice(told)].flatMap(([who, all]) =>
    all.some((one, n) => isStep(one, all[n - 1])) ? [who] : [],
  );
}
