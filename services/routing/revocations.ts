import type { BatchItem } from '#libs/broker/batch-processor.ts';
import type { Erase, Revoke, SessionDown, SessionUp } from '#libs/broker/entries.ts';
import { Confirms } from '#libs/relay/confirms.ts';
import { forgetErased, markErased } from '#libs/store/erasures.ts';
import { findSessionsToRevoke, revokeUsers } from '#libs/store/revocations.ts';
import { devicesRemoved } from './metrics.ts';
import { answer } from './questions.ts';
import { changeSessions, type PresenceContext, type SessionItem } from './sessions.ts';
import { tellGateways } from './tell-gateways.ts';

/** What an operator, or a back end, orders for a user. */
type Order = Revoke | Erase;
type OrderItem = BatchItem<Order>;

/**
 * Session changes, revocations and erasures of a batch, in order: a login before a revocation is ended by it, a login
 * after it is refused unless its token is fresh. An erasure is a revocation; what it deletes, and who is told, follows
 * (erasures.ts).
 *
 * @param again they may have been handled before
 * @returns resolves with the failure, if there was one, when every gateway's queue has the news of all orders
 */
export async function changeInOrder(
  context: PresenceContext,
  items: readonly BatchItem<SessionUp | SessionDown | Order>[],
  again: boolean,
): Promise<{ told: Promise<Error | undefined> }> {
  const notes: Promise<Error | undefined>[] = [];
  let changes: SessionItem[] = [];
  let orders: OrderItem[] = [];
  for (const { entry, delivery } of items) {
    if (entry.kind === 'revoke' || entry.kind === 'erase') {
      if (changes.length > 0) await changeSessions(context, changes);
      changes = [];
      orders.push({ entry, delivery });
    } else {
      if (orders.length > 0) notes.push((await endSessions(context, orders, again)).told);
      orders = [];
      changes.push({ entry, delivery });
    }
  }
  if (orders.length > 0) notes.push((await endSessions(context, orders, again)).told);
  await changeSessions(context, changes);
  return { told: Promise.all(notes).then((failures) => failures.find(Boolean)) };
}

/** Refuses the users' earlier tokens from now on, then ends their sessions. A revocation is answered when all are told. */
async function endSessions(
  context: PresenceContext,
  items: readonly OrderItem[],
  again: boolean,
): Promise<{ told: Promise<Error | undefined> }> {
  const { db, gatewaySender } = context;
  const entries = items.map(({ entry }) => entry);
  const [revoked, erased] = (['revoke', 'erase'] as const).map((kind) =>
    entries.filter((entry) => entry.kind === kind),
  ) as [Order[], Order[]];
  if (revoked.length > 0) await revokeUsers(db, revoked);
  if (erased.length > 0) await markErased(db, erased);
  const latest = new Map(entries.map((entry) => [entry.user, entry]));
  const notes = new Confirms();
  await tellGateways(context, [...latest.keys()], notes);
  for (const { user, session, gateway } of await findSessionsToRevoke(db, [...latest.keys()])) {
    const { at } = latest.get(user) ?? {};
    gatewaySender.send(gateway, { kind: 'revoked', session, at, ...(again && { again }) }, notes);
  }
  if (erased.length > 0) {
    const users = erased.map(({ user }) => user);
    devicesRemoved.inc({ reason: 'erased' }, await forgetErased(db, users));
  }
  const told = notes.all();
  for (const { delivery } of items) delivery.hold();
  void told.then((failure) => {
    for (const { entry, delivery } of items) {
      if (entry.kind === 'revoke' && !failure) answer(context, entry, {}, delivery);
      delivery.settled(failure);
    }
  });
  return { told };
}
