import type { BatchItem } from '#libs/broker/batch-processor.ts';
import type { Revoke, SessionDown, SessionUp } from '#libs/broker/entries.ts';
import { findSessionsToRevoke, revokeUsers } from '#libs/store/revocations.ts';
import { answer } from './questions.ts';
import { changeSessions, type PresenceContext, type SessionItem } from './sessions.ts';
import { tellGateways } from './tell-gateways.ts';

type Item = BatchItem<SessionUp | SessionDown | Revoke>;
type RevokeItem = BatchItem<Revoke>;

/**
 * Session changes and revocations of a batch, in order: a login before a revocation is ended by it, a login after it is
 * refused unless its token is fresh.
 *
 * @param again they may have been handled before
 */
export async function changeInOrder(
  context: PresenceContext,
  items: readonly Item[],
  again: boolean,
): Promise<void> {
  let changes: SessionItem[] = [];
  let revocations: RevokeItem[] = [];
  for (const { entry, delivery } of items) {
    if (entry.kind === 'revoke') {
      if (changes.length > 0) await changeSessions(context, changes);
      changes = [];
      revocations.push({ entry, delivery });
    } else {
      if (revocations.length > 0) await revoke(context, revocations, again);
      revocations = [];
      changes.push({ entry, delivery });
    }
  }
  if (revocations.length > 0) await revoke(context, revocations, again);
  await changeSessions(context, changes);
}

/** Refuses the users' earlier tokens from now on, then ends their sessions. */
async function revoke(context: PresenceContext, items: readonly RevokeItem[], again: boolean): Promise<void> {
  const { db, gatewaySender } = context;
  await revokeUsers(
    db,
    items.map(({ entry }) => entry),
  );
  const latest = new Map(items.map((item) => [item.entry.user, item]));
  await tellGateways(context, latest);
  for (const { user, session, gateway } of await findSessionsToRevoke(db, [...latest.keys()])) {
    const { entry, delivery } = latest.get(user) ?? {};
    gatewaySender.send(
      gateway,
      { kind: 'revoked', session, at: entry?.at, ...(again && { again }) },
      delivery,
    );
  }
  for (const { entry, delivery } of items) answer(context, entry, {}, delivery);
}
