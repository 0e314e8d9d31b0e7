import type { OfflineA, OfflineR } from '#libs/protocol/client-packets.ts';
import type { Incarnation } from '../incarnation.ts';
import type { Publishers } from '../publishers.ts';
import { MAX_WAITING_REQUESTS } from '../mailbox-requests.ts';
import { mailboxUnavailable, type Session } from '../session.ts';
import type { RequestPage } from '../session-backend.ts';

/** What the mailbox packets need of the gateway. */
export interface OfflineContext {
  readonly publishers: Pick<Publishers, 'route'>;
  readonly incarnation: Pick<Incarnation, 'name' | 'ready'>;
}

/** Asks routing for a page of a session's mailbox. */
export const requestPage =
  ({ publishers, incarnation }: OfflineContext): RequestPage =>
  ({ user, id, device, synced }, { limit, ask, now }, pending) => {
    // Without an incarnation there is no queue that the answer could come through.
    if (!incarnation.ready) pending.settled(new Error('no incarnation'));
    else
      publishers.route(
        user,
        {
          kind: 'pull',
          user,
          session: id,
          gateway: incarnation.name,
          limit,
          ask,
          ...(now !== undefined && { now }),
          ...(synced && { device }),
        },
        pending,
      );
  };

/** offline:R: answered by routing, through this gateway's queue. */
export function offlineR(session: Session, { limit }: OfflineR): void {
  session.hinted = false;
  if (session.mailboxRequests.request(limit)) return;
  const message = `more than ${MAX_WAITING_REQUESTS} wait for the one before to be answered`;
  session.connection.error('rate_limited', message, { type: 'offline:R' });
}

/** offline:A: no answer when it works; asking again is safe. Keys that are not this user's name nothing. */
export function offlineA(
  { publishers }: Pick<OfflineContext, 'publishers'>,
  session: Session,
  { keys }: OfflineA,
): void {
  publishers.route(
    session.user,
    { kind: 'confirm', user: session.user, keys, ...(session.synced && { device: session.device }) },
    {
      settled: (error) => {
        if (error) mailboxUnavailable(session, 'offline:A');
      },
    },
  );
}
