import type { OfflineA, OfflineR } from '#libs/protocol/client-packets.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import type { Gateway } from '../gateway.ts';
import type { Session } from '../session.ts';

/** Tells the client if its request did not get through; asking again is safe. */
function refusal(session: Session, type: 'offline:R' | 'offline:A'): Pending {
  return {
    settled: (error) => {
      if (error) session.connection.error('unavailable', 'the mailbox cannot be reached now', { type });
    },
  };
}

/** offline:R: answered by routing, through this gateway's queue. */
export function offlineR({ out, epoch }: Gateway, session: Session, { limit }: OfflineR): void {
  session.hinted = false;
  const { user, id } = session;
  const pending = refusal(session, 'offline:R');
  // Without an epoch there is no queue that the answer could come through.
  if (!epoch.ready) pending.settled(new Error('no epoch'));
  else out.route(user, { kind: 'pull', user, session: id, gateway: epoch.name, limit }, pending);
}

/** offline:A: no answer when it works. Keys that are not this user's name nothing. */
export function offlineA({ out }: Gateway, session: Session, { keys }: OfflineA): void {
  out.route(session.user, { kind: 'confirm', user: session.user, keys }, refusal(session, 'offline:A'));
}
