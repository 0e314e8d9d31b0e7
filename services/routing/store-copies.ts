import type { Delivery } from '#libs/broker/delivery.ts';
import type { LiveMessage, RouteMessage, Sent } from '#libs/broker/entries.ts';
import { messageKey } from '#libs/protocol/names.ts';
import { relayReceipts, type ReceiptItem } from '#libs/relay/receipts.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { CopiedMessage } from '#libs/store/copied-message.ts';
import { type CopiesOutcome, storeCopies } from '#libs/store/device-copies.ts';
import { isExpired } from '#libs/store/expiry.ts';
import type { StoredMessage } from '#libs/store/messages.ts';
import { findUserLocations, mailboxSessions } from '#libs/store/presence.ts';
import { firstTimes, type MessageOutcome, publishOutcomes } from './message-events.ts';
import { mailboxFullTotal, missedTotal, routedTotal } from './metrics.ts';
import { sendLive, sendSentLive } from './send-live.ts';
import { type MailboxContext, type OfflineItem, storeOffline } from './store-offline.ts';
import { coveredDevices, liveSessions, type SyncedLocation } from './synced-location.ts';

/** A message for a user with synced devices, of which at least one is away. */
export interface SyncedItem {
  entry: RouteMessage | Sent;
  delivery: Delivery;
  location: SyncedLocation;
}

/** A live copy that came back. */
export interface ReturnedItem {
  entry: LiveMessage;
  delivery: Delivery;
  maybeConfirmed: boolean;
  expired: boolean;
}

/** A message, where its copies are to go, and what it came in. */
interface Work {
  copied: CopiedMessage;
  delivery: Delivery;
  origin?: string | undefined;
  traceparent?: string | undefined;
  /** It came back: the event that it was accepted has been published. */
  accepted?: boolean;
  /** As an entry for the user's own mailbox, should the user have no synced devices any more. */
  offline?: OfflineItem | undefined;
}

/**
 * Stores the copies of devices that are away, then sends the live ones. In this order: a confirmation finds what it
 * settles. Messages that follow for the same user wait behind them (MailboxWorker.storesFor).
 */
export async function storeSynced(
  mailbox: MailboxContext,
  items: readonly SyncedItem[],
  now = Date.now(),
): Promise<void> {
  const isOver = ({ entry }: SyncedItem) => isExpired(entry, now);
  await storeOffline(mailbox, items.filter(isOver).flatMap(asOffline), now); // which rejects them
  // What another device sent is rejected to nobody: its copies are missed.
  const living = items.filter((item) => item.entry.kind === 'sent' || !isOver(item));
  for (const round of rounds(living.map((item) => ({ item, key: keyOf(item.entry) })))) {
    await store(
      mailbox,
      round.map(({ item }) => workOf(item, isOver(item))),
      now,
    );
    for (const { item } of round) if (!isOver(item)) sendCopies(mailbox, item, now);
  }
}

const keyOf = (entry: RouteMessage | Sent) =>
  entry.kind === 'sent' ? `${entry.user} ${entry.user} ${entry.id}` : messageKey(entry);

/** Splits work so that none names a message twice: a statement may touch a row once. */
function rounds<T extends { key: string }>(items: readonly T[]): T[][] {
  const split: T[][] = [];
  const seen = new Map<string, number>();
  for (const item of items) {
    const round = seen.get(item.key) ?? 0;
    seen.set(item.key, round + 1);
    (split[round] ??= []).push(item);
  }
  return split;
}

const asOffline = ({ entry, delivery }: SyncedItem): OfflineItem[] =>
  entry.kind === 'message' ? [{ entry, delivery }] : [];

function sendCopies(
  { gatewaySender }: MailboxContext,
  { entry, delivery, location }: SyncedItem,
  now: number,
) {
  const sessions = liveSessions(location, entry);
  if (entry.kind === 'sent') sendSentLive(gatewaySender, { entry, delivery }, sessions);
  else if (sessions.length > 0) sendLive(gatewaySender, { entry, delivery }, sessions, now);
}

function workOf(item: SyncedItem, overdue: boolean): Work {
  const { entry, delivery, location } = item;
  const fields = {
    known: location.devices,
    allBut: coveredDevices(location, entry),
    live: liveSessions(location, entry).map(({ session }) => session),
    back: [],
  };
  if (entry.kind === 'sent') {
    const { user, device, to } = entry;
    const copied = { ...entry, from: user, to: user, sentTo: JSON.stringify(to), ...fields };
    const all = { overdue, allBut: device === undefined ? [] : [device], live: [] };
    return { copied: overdue ? { ...copied, ...all } : copied, delivery };
  }
  const { origin, traceparent } = entry;
  return { copied: { ...entry, ...fields }, delivery, origin, traceparent, offline: asOffline(item)[0] };
}

/** Stores live copies that came back in the mailboxes of their devices. */
export async function storeReturned(
  mailbox: MailboxContext,
  items: readonly ReturnedItem[],
  now = Date.now(),
): Promise<void> {
  const byMessage = Map.groupBy(items, ({ entry }) => messageKey(entry));
  const work = [...byMessage.values()].map((copies) => returnedWork(copies, now));
  await store(mailbox, work, now);
}

function returnedWork(copies: readonly ReturnedItem[], now: number): Work {
  const [first] = copies as [ReturnedItem];
  const { entry, delivery } = first;
  const isOverdue = (item: ReturnedItem) =>
    !item.maybeConfirmed && (item.expired || isExpired(item.entry, now));
  const devices = copies
    .filter((item) => (item.entry.copy ?? '') !== '')
    .map((item) => ({
      ...{ device: item.entry.copy ?? '', beyondQuota: item.maybeConfirmed, overdue: isOverdue(item) },
    }));
  const copied: CopiedMessage = {
    ...(entry satisfies StoredMessage),
    sentTo: entry.sentTo && JSON.stringify(entry.sentTo),
    devices: [...new Map(devices.map((one) => [one.device, one])).values()],
    live: copies.flatMap((item) => [
      item.entry.session,
      ...(item.entry.others ?? []).map(({ session }) => session),
    ]),
    back: copies.map((item) => item.entry.session),
    confirmed: copies.some((item) => item.entry.told === true),
  };
  const { origin, traceparent } = entry;
  const maybeConfirmed = copies.some((item) => item.maybeConfirmed);
  const expired = copies.every(isOverdue);
  const isNews = entry.sentTo === undefined && !copied.confirmed;
  const offline = isNews ? { entry, delivery, maybeConfirmed, expired, accepted: true } : undefined;
  return { copied, delivery, origin, traceparent, offline, accepted: true };
}

/** Stores copies, hints to the devices that are there meanwhile, and tells the senders. */
async function store(mailbox: MailboxContext, work: readonly Work[], now: number): Promise<void> {
  if (work.length === 0) return;
  const { db, gatewaySender, leaseMs, deviceQuotaCache, events } = mailbox;
  const { outcomes, missed, expired } = await storeCopies(
    db,
    work.map(({ copied }) => copied),
    deviceQuotaCache,
  );
  const users = work.flatMap(({ copied: { to, from } }) => [to, from]);
  const presence = await findUserLocations(db, users, leaseMs);
  const first = await firstTimes(
    mailbox,
    work.map(({ copied }) => copied),
  );
  const receipts: ReceiptItem[] = [];
  const told: MessageOutcome[] = [];
  const unsynced: OfflineItem[] = [];
  for (const [n, one] of work.entries()) {
    const { copied, delivery, offline } = one;
    const outcome = outcomes[n] ?? 'kept';
    const storedAt = first?.get(messageKey(copied))?.stored ?? now;
    trace('copies', copied.from, copied.id, { to: copied.to, outcome });
    const location = presence.get(copied.to);
    const present = location ? mailboxSessions(location) : [];
    gatewaySender.hint(
      present.filter(({ copy = '' }) => mayHaveMail(copied, copy)),
      delivery,
    );
    if (outcome === 'no_devices' || (outcome !== 'kept' && offline?.expired === true)) {
      if (offline && outcome !== 'stored') unsynced.push(offline);
      // An instance that was killed may have told its sender, and not the back ends.
      else if (offline && events)
        told.push({ message: copied, delivery, accepted: true, receipt: { state: 'stored', at: storedAt } });
    } else {
      const receipt = receiptOf(one, outcome, storedAt);
      if (receipt) receipts.push(receipt);
      if (events && copied.sentTo === undefined)
        told.push({ message: copied, delivery, accepted: one.accepted, receipt: receipt?.receipt });
    }
  }
  if (events) publishOutcomes(events, told, first); // before the receipts: see store-offline.ts
  await storeOffline(mailbox, unsynced, now);
  await relayReceipts(mailbox, receipts, presence);
  // Count last: a failure above repeats the whole batch.
  for (const { receipt } of receipts) routedTotal.inc({ outcome: receipt.state });
  for (const outcome of outcomes) {
    if (outcome === 'full') mailboxFullTotal.inc({ quota: 'device' });
    if (outcome === 'sender_full') mailboxFullTotal.inc({ quota: 'device_sender' });
  }
  missedTotal.inc({ reason: 'mailbox_full' }, missed);
  missedTotal.inc({ reason: 'expired' }, expired);
}

/** Whether a copy was meant for the mailbox of this device. */
const mayHaveMail = ({ allBut, devices = [] }: CopiedMessage, device: string) =>
  allBut ? !allBut.includes(device) : devices.some((one) => one.device === device);

const RECEIPTS = {
  kept: undefined,
  stored: { state: 'stored' },
  full: { state: 'rejected', reason: 'mailbox_full' },
  sender_full: { state: 'rejected', reason: 'mailbox_full' },
  gone: { state: 'rejected', reason: 'expired' },
} as const satisfies Record<Exclude<CopiesOutcome, 'no_devices'>, unknown>;

function receiptOf(
  { copied: { from: user, id, to, sentTo, thread, at: sentAt }, delivery, origin, traceparent }: Work,
  outcome: keyof typeof RECEIPTS,
  at: number,
): ReceiptItem | undefined {
  const state = RECEIPTS[outcome];
  if (!state || sentTo !== undefined) return undefined;
  return { receipt: { user, id, to, at, sentAt, ...state }, delivery, origin, traceparent, thread };
}
