import type { Delivery } from '#libs/broker/delivery.ts';
import { messageKey } from '#libs/protocol/names.ts';
import { receiptsTotal } from '#libs/relay/metrics.ts';
import { type ReceiptItem, relayReceipts, type RelayContext } from '#libs/relay/receipts.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import { isExpired, rejectExpired } from '#libs/store/expiry.ts';
import { type Refused, storeMessages, type StoredMessage } from '#libs/store/messages.ts';
import { findSessions, findUserLocations, mailboxSessions } from '#libs/store/presence.ts';
import type { QuotaCache } from '#libs/store/quota-cache.ts';
import { firstTimes, publishOutcomes } from './message-events.ts';
import { expiredTotal, mailboxFullTotal, routedTotal } from './metrics.ts';

/** A message for an absent user, and the delivery that it came in. */
export interface OfflineItem {
  entry: StoredMessage & { traceparent?: string | undefined; origin?: string | undefined };
  delivery: Delivery;
  /** The receiver may have confirmed it: it must not be rejected. */
  maybeConfirmed?: boolean;
  /** A gateway found that its time is over; their clocks may differ. */
  expired?: boolean;
  /** The event that it was accepted has been published. */
  accepted?: boolean;
}

export interface MailboxContext extends RelayContext {
  quotaCache: QuotaCache;
  /** Of the mailboxes of synced devices. */
  deviceQuotaCache: QuotaCache;
}

/**
 * Stores messages in mailboxes, and sends the senders `stored`, or `rejected` when a mailbox is full or the message
 * has expired. After the insert has committed, it looks the receivers up again and hints to those present: in every
 * interleaving with a login, either the pull finds the message or this lookup finds the session.
 */
export async function storeOffline(
  mailbox: MailboxContext,
  items: readonly OfflineItem[],
  now = Date.now(),
): Promise<void> {
  const overdue = items.filter((item) => isOverdue(item, now));
  await rejectOverdue(mailbox, overdue, now);
  const living = overdue.length > 0 ? items.filter((item) => !isOverdue(item, now)) : items;
  const erased = await storeLiving(mailbox, living, now);
  await rejectOverdue(mailbox, erased, now);
  // At the end, since all of it is tried again if some of it fails.
  const expired = overdue.length + erased.length;
  expiredTotal.inc({ what: 'message' }, expired);
  routedTotal.inc({ outcome: 'rejected' }, expired);
}

/** What may be confirmed is stored all the same: it expires there, when its confirmation has been dealt with. */
const isOverdue = ({ entry, maybeConfirmed = false, expired = false }: OfflineItem, now: number) =>
  !maybeConfirmed && (expired || isExpired(entry, now));

/** Tells the senders of messages that expired on their way, through their mailboxes. */
async function rejectOverdue(
  { db, gatewaySender, leaseMs, events }: MailboxContext,
  items: readonly OfflineItem[],
  now: number,
): Promise<void> {
  if (items.length === 0) return;
  const entries = items.map(({ entry }) => entry);
  receiptsTotal.inc({ outcome: 'stored' }, await rejectExpired(db, entries, now));
  const presence = await findSessions(
    db,
    entries.map(({ from }) => from),
    leaseMs,
  );
  const causes = new Map(items.map(({ entry, delivery }) => [entry.from, delivery]));
  for (const [sender, sessions] of presence) gatewaySender.hint(sessions, causes.get(sender));
  for (const { entry, delivery, accepted } of items) {
    trace('expired', entry.from, entry.id, { to: entry.to });
    if (!accepted) events?.message('message.accepted', entry, delivery);
  }
}

/** @returns those whose receiver was erased after they were accepted: they are not stored */
async function storeLiving(
  mailbox: MailboxContext,
  items: readonly OfflineItem[],
  now: number,
): Promise<OfflineItem[]> {
  if (items.length === 0) return [];
  const refusals = await store(mailbox, items);
  const erased = new Set(refusals.filter(({ quota }) => quota === 'erased').map(messageKey));
  const isErased = ({ entry }: OfflineItem) => erased.has(messageKey(entry));
  if (erased.size === 0) await tellOutcomes(mailbox, items, refusals, now);
  else
    await tellOutcomes(
      mailbox,
      items.filter((item) => !isErased(item)),
      refusals.filter(({ quota }) => quota !== 'erased'),
      now,
    );
  return items.filter(isErased);
}

/** Hints to the receivers who are there meanwhile, and tells the senders. */
async function tellOutcomes(
  mailbox: MailboxContext,
  items: readonly OfflineItem[],
  refusals: readonly Refused[],
  now: number,
): Promise<void> {
  if (items.length === 0) return;
  const { db, gatewaySender, leaseMs, events } = mailbox;
  const entries = items.map(({ entry }) => entry);
  const refused = new Set(refusals.map(messageKey));
  const first = await firstTimes(mailbox, entries);
  const presence = await findUserLocations(
    db,
    entries.flatMap(({ to, from }) => [to, from]),
    leaseMs,
  );
  const hinted = new Set<string>();
  const receipts = items.map(({ entry, delivery }) => {
    const { from: user, id, to } = entry;
    const full = refused.has(messageKey(entry));
    trace(full ? 'mailbox full' : 'stored', user, id, { to });
    const span = nextSpan('store', entry.traceparent, user, id, now);
    span?.end(full ? 'rejected' : 'stored');
    const traceparent = span?.traceparent ?? entry.traceparent;
    if (!full && !hinted.has(to)) {
      const location = presence.get(to);
      gatewaySender.hint(location ? mailboxSessions(location) : [], delivery);
      hinted.add(to);
    }
    const outcome = full
      ? ({ state: 'rejected', reason: 'mailbox_full' } as const)
      : ({ state: 'stored' } as const);
    const at = (full ? undefined : first?.get(messageKey(entry))?.stored) ?? now;
    return {
      receipt: { user, id, to, at, sentAt: entry.at, ...outcome },
      delivery,
      traceparent,
      origin: entry.origin,
      thread: entry.thread,
    };
  });
  // Before the receipts: what a sender was told may not be so any more at the next try.
  if (events) publishOutcomes(events, outcomesOf(items, receipts), first);
  await relayReceipts(mailbox, receipts, presence);
  // Count last: a failure above repeats the whole batch.
  for (const { quota } of refusals) mailboxFullTotal.inc({ quota });
  for (const { receipt } of receipts) routedTotal.inc({ outcome: receipt.state });
}

const outcomesOf = (items: readonly OfflineItem[], receipts: readonly Pick<ReceiptItem, 'receipt'>[]) =>
  items.map(({ entry, delivery, accepted }, n) => ({
    message: entry,
    delivery,
    accepted,
    receipt: receipts[n]?.receipt,
  }));

/**
 * A message that may be confirmed is stored beyond the quota: its sender must not get `rejected` (G3), and the
 * pending confirmation cannot be queried. These are at most what dead gateways had in flight.
 *
 * @returns those that were not stored
 */
async function store({ db, quotaCache }: MailboxContext, items: readonly OfflineItem[]): Promise<Refused[]> {
  const [kept, others] = [true, false].map((kept) =>
    items.filter(({ maybeConfirmed = false }) => maybeConfirmed === kept).map(({ entry }) => entry),
  ) as [StoredMessage[], StoredMessage[]];
  const refused = await storeMessages(db, kept, quotaCache, true); // first: they were ahead of the others
  return [...refused, ...(await storeMessages(db, others, quotaCache))];
}
