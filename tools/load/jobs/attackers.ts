import { setTimeout as delay } from 'node:timers/promises';
import { flood } from '../attack/flood.ts';
import type { Attack, AttackName, AttackOrder, Count } from '../attack/attack.ts';
import { slowReaders } from '../attack/slow-readers.ts';
import { inParallel, logInAs, type Target } from '../clients/log-in.ts';
import type { LoadSocket } from '../clients/socket.ts';

/** Attackers, in a process of their own so that the timing of honest users does not wait for them. */

/** Connections that are being opened at the same time. */
const LOGINS_AT_ONCE = 200;
const RETRY_MS = 100;

/** Logs users in. A refused one tries again: the gateway may be busy, or full for a moment. */
async function logInMany(
  target: Target,
  names: string,
  connections: number,
  count: Count,
): Promise<LoadSocket[]> {
  const sockets: LoadSocket[] = [];
  const enter = async (n: number): Promise<void> => {
    try {
      sockets.push(await logInAs(target, `${names}-${n}`, n, 1));
    } catch {
      count('refused');
      await delay(RETRY_MS);
      await enter(n);
    }
  };
  await inParallel(connections, LOGINS_AT_ONCE, enter);
  return sockets;
}

const attacks: Record<AttackName, Attack> = {
  /** Connections that are logged in and do nothing. */
  'attack-idle': async ({ target, connections }, count) => {
    count('connections', (await logInMany(target, 'idle', connections, count)).length);
  },
  'attack-slow-readers': slowReaders,
  'attack-flood': flood,
  /** Clients that connect, log in and vanish, all at once, again and again. */
  'attack-storm': async ({ target, connections, rounds }, count) => {
    for (let round = 0; round < rounds; round++) {
      const sockets = await logInMany(target, 'storm', connections, count);
      count('logins', sockets.length);
      for (const socket of sockets) socket.close();
    }
  },
};

const tally: Record<string, number> = {};

/** Resolves when the attack is at full strength: all are connected, or were thrown out; of a storm, when it is over. */
export const start = (order: AttackOrder): Promise<void> =>
  attacks[order.attack](order, (what, by = 1) => (tally[what] = (tally[what] ?? 0) + by));

/** What the attackers have done so far. */
export const counts = (): Record<string, number> => tally;
