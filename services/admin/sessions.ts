import { setTimeout as delay } from 'node:timers/promises';
import { gatewayQueue } from '#libs/broker/topology.ts';
import type { Database } from '#libs/store/database.ts';
import { type KnownSession, listSessions } from '#libs/store/admin-queries.ts';
import type { CommandBroker } from './broker.ts';
import { AdminError } from './errors.ts';

/** Longest wait for gateways and routing to end sessions, and the pause between looks, milliseconds. */
export const GONE_TIMEOUT_MS = 5_000;
export const LOOK_EVERY_MS = 50;

export interface Disconnected {
  /** Ended sessions. */
  sessions: KnownSession[];
}

/**
 * Ends a user's sessions, all or those on one device: their gateways send `bye`, and presence forgets them. Their
 * clients may reconnect at once; unconfirmed messages are in the mailbox.
 *
 * @throws AdminError `not_found` when there is none, `no_answer` when one is still there after the wait
 */
export async function disconnect(
  db: Database,
  broker: CommandBroker,
  { user, device, leaseMs }: { user: string; device: string | undefined; leaseMs: number },
): Promise<Disconnected> {
  const of = async () =>
    (await listSessions(db, user, leaseMs)).filter((one) => device === undefined || one.device === device);
  const sessions = await of();
  if (sessions.length === 0)
    throw new AdminError('not_found', `${user} has no session${device === undefined ? '' : ` on ${device}`}`);
  for (const { gateway, session } of sessions)
    await broker.put(gatewayQueue(gateway), JSON.stringify([{ kind: 'disconnect', session }]));
  const meant = new Set(sessions.map(({ session }) => session));
  const deadline = Date.now() + GONE_TIMEOUT_MS;
  for (;;) {
    // Sessions of dead gateways do not count, though their rows may stay for a while.
    const left = (await of()).filter(({ session, present }) => present && meant.has(session));
    if (left.length === 0) return { sessions };
    if (Date.now() > deadline) {
      const where = left.map(({ session, gateway }) => `${session} at ${gateway}`);
      throw new AdminError('no_answer', `still there: ${where.join(', ')}`);
    }
    await delay(LOOK_EVERY_MS);
  }
}
