import { setTimeout as delay } from 'node:timers/promises';
import type { RouteEntry } from '#libs/broker/entries.ts';
import { partitionOf, routeQueue } from '#libs/broker/topology.ts';
import { isRevoked, listSessions } from '#libs/store/admin-queries.ts';
import type { Database } from '#libs/store/database.ts';
import { isErased } from '#libs/store/erasures.ts';
import type { CommandBroker } from './broker.ts';
import { AdminError } from './errors.ts';
import { GONE_TIMEOUT_MS, LOOK_EVERY_MS } from './sessions.ts';

/** How long routing may take to erase a user, milliseconds: the mailbox may be large. */
const ERASED_TIMEOUT_MS = 60_000;

/**
 * Orders a revocation or an erasure. The user's partition gets it: no login of the user overtakes it.
 *
 * @returns when, milliseconds since the epoch
 */
export async function order(
  broker: CommandBroker,
  kind: 'revoke' | 'erase',
  user: string,
  partitions: number,
): Promise<number> {
  const at = Date.now();
  const entry: RouteEntry = { kind, user, at };
  const queue = routeQueue(partitionOf(user, partitions));
  if (!(await broker.put(queue, JSON.stringify([entry]))))
    throw new AdminError('not_set_up', `there is no queue ${queue}`);
  return at;
}

/** Waits until tokens are refused and earlier sessions are gone. @throws AdminError `no_answer`: it is still to come */
export async function waitUntilRevoked(
  db: Database,
  { user, at, leaseMs }: { user: string; at: number; leaseMs: number },
): Promise<void> {
  await waitUntil(GONE_TIMEOUT_MS, 'revocation', async () => {
    const revoked = await isRevoked(db, user, at);
    // A session whose gateway is gone does not count, though its row may stay for a while.
    const left = (await listSessions(db, user, leaseMs)).filter(
      ({ present, since }) => present && since <= at,
    );
    if (!revoked) return 'routing has not done it yet';
    return left.length > 0 ? `${left.length} sessions are still there` : undefined;
  });
}

/** Waits until nothing of the user is left. @throws AdminError `no_answer`: it is still to come */
export async function waitUntilErased(
  db: Database,
  { user, at }: { user: string; at: number },
): Promise<void> {
  await waitUntil(ERASED_TIMEOUT_MS, 'erasure', async () =>
    (await isErased(db, user, at)) ? undefined : 'routing has not finished it yet',
  );
}

/** @param missing says what is missing, if anything is */
async function waitUntil(
  timeoutMs: number,
  what: string,
  missing: () => Promise<string | undefined>,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const left = await missing();
    if (left === undefined) return;
    if (Date.now() > deadline)
      throw new AdminError('no_answer', `${left}; the ${what} is in the queue, and will not be lost`);
    await delay(LOOK_EVERY_MS);
  }
}
