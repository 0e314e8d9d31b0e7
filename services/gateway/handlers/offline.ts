import type { OfflineA, OfflineR } from '#libs/protocol/client-packets.ts';
import type { Epoch } from '../epoch.ts';
import type { Outboxes } from '../outboxes.ts';
import { MAX_WAITING_PULLS } from '../pulls.ts';
import { noMailbox, type Session } from '../session.ts';
import type { AskPage } from '../session-ways.ts';

/** What the mailbox packets need of the gateway. */
export interface OfflineContext {
  readonly out: Pick<Outboxes, 'route'>;
  readonly epoch: Pick<Epoch, 'name' | 'ready'>;
}

/** Asks routing for a page of a session's mailbox. */
export const askPage =
  ({ out, epoch }: OfflineContext): AskPage =>
  ({ user, id }, limit, ask, pending) => {
    // Without an epoch there is no queue that the answer could come through.
    if (!epoch.ready) pending.settled(new Error('no epoch'));
    else out.route(user, { kind: 'pull', user, session: id, gateway: epoch.name, limit, ask }, pending);
  };

/** offline:R: answered by routing, through this gateway's queue. */
export function offlineR(session: Session, { limit }: OfflineR): void {
  session.hinted = false;
  if (session.pulls.request(limit)) return;
  const message = `more than ${MAX_WAITING_PULLS} wait for the one before to be answered`;
  session.connection.error('rate_limited', message, { type: 'offline:R' });
}

/** offline:A: no answer when it works; asking again is safe. Keys that are not this user's name nothing. */
export function offlineA({ out }: Pick<OfflineContext, 'out'>, session: Session, { keys }: OfflineA): void {
  out.route(
    session.user,
    { kind: 'confirm', user: session.user, keys },
    {
      settled: (error) => {
        if (error) noMailbox(session, 'offline:A');
      },
    },
  );
}
