import { flood } from '../attack/flood.ts';
import type { Attack, AttackName, AttackOrder, Count } from '../attack/attack.ts';
import { devices } from '../attack/devices.ts';
import { lists } from '../attack/lists.ts';
import { slowReaders } from '../attack/slow-readers.ts';
import { enter, leave } from './logins.ts';

/** Attackers, in a process of their own so that the timing of honest users does not wait for them. */

const LOGINS_AT_ONCE = 200;

/** Logs users in. @returns their number */
async function logInMany({ target, connections }: AttackOrder, name: string, count: Count): Promise<number> {
  const order = { ...target, tag: `${name}-`, count: connections, atOnce: LOGINS_AT_ONCE };
  return (await enter(order, () => count('refused'))).latency.length;
}

const attacks: Record<AttackName, Attack> = {
  /** Connections that are logged in and do nothing. */
  'attack-idle': async (order, count) => count('connections', await logInMany(order, 'idle', count)),
  'attack-slow-readers': slowReaders,
  'attack-flood': flood,
  'attack-lists': lists,
  'attack-devices': devices,
  /** Clients that connect, log in and vanish, all at once, again and again. */
  'attack-storm': async (order, count) => {
    for (let round = 0; round < order.rounds; round++) {
      count('logins', await logInMany(order, 'storm', count));
      leave();
    }
  },
};

const tally: Record<string, number> = {};

/** Resolves when the attack is at full strength: all are connected, or were thrown out; of a storm, when it is over. */
export const start = (order: AttackOrder): Promise<void> =>
  attacks[order.attack](order, (what, by = 1) => void (tally[what] = (tally[what] ?? 0) + by));

/** What the attackers have done so far. */
export const counts = (): Record<string, number> => tally;
