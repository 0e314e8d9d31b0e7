import { setTimeout as delay } from 'node:timers/promises';
import type { RouteEntry } from '#libs/broker/entries.ts';
import { partitionOf, routeQueue } from '#libs/broker/topology.ts';
import { isRevoked, listSessions } from '#libs/store/admin-queries.ts';
import type { Database } from '#libs/store/database.ts';
import type { CommandBroker } from './broker.ts';
import { AdminError } from './errors.ts';
import { GONE_TIMEOUT_MS, LOOK_EVERY_MS } from './sessions.ts';

/** Goes through the user's partition: no login of the user overtakes it. @returns the time, milliseconds since the epoch */
export async function revoke(broker: CommandBroker, user: string, partitions: number): Promise<number> {
  const at = Date.now();
  const entry: RouteEntry = { kind: 'revoke', user, at };
  const queue = routeQueue(partitionOf(user, partitions));
  if (!(await broker.put(queue, JSON.stringify([entry]))))
    throw new AdminError('not_set_up', `there is no queue ${queue}`);
  return at;
}

/** Waits until tokens are refused and earlier sessions are gone. @throws AdminError `no_answer`: it will still happen */
export async function waitUntilRevoked(
  db: Database,
  { user, at, leaseMs }: { user: string; at: number; leaseMs: number },
): Promise<void> {
  const deadline = Date.now() + GONE_TIMEOUT_MS;
  for (;;) {
    const revoked = await isRevoked(db, user, at);
    // Sessions of dead gateways do not count, though their rows may stay for a while.
    const left = (await listSessions(db, user, leaseMs)).filter(
      ({ present, since }) => present && since <= at,
    );
    if (revoked && left.length === 0) return;
    if (Date.now() > deadline) {
      const what = revoked ? `${left.length} sessions are still there` : 'routing has not done it yet';
      throw new AdminError('no_answer', `${what}; the revocation is in the queue, and will not be lost`);
    }
    await delay(LOOK_EVERY_MS);
  }
}
