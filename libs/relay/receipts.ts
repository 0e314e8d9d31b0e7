import type { Delivery } from '#libs/broker/delivery.ts';
import type { Target } from '#libs/broker/entries.ts';
import type { EventPublisher } from '#libs/events/event-publisher.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Database } from '#libs/store/database.ts';
import {
  findSessions,
  findUserLocations,
  type SessionLocation,
  type UserLocation,
} from '#libs/store/presence.ts';
import { storeReceipts, type StoredReceipt } from '#libs/store/receipts.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { GatewaySender } from './gateway-sender.ts';
import { receiptsTotal } from './metrics.ts';

export interface RelayContext {
  db: Database;
  gatewaySender: GatewaySender;
  leaseMs: number;
  /** Where somebody wants events. */
  events?: EventPublisher | undefined;
  /** The same, in routing. */
  outbox?: EventOutbox | undefined;
}

/** A receipt and the delivery that it comes from. */
export interface ReceiptItem {
  receipt: StoredReceipt;
  delivery: Delivery;
  /** The step that it follows, if the message is traced. */
  traceparent?: string | undefined;
  /** The synced device that sent the message, if it was one; '': it was sent over HTTP. */
  origin?: string | undefined;
  /** The sender's only session, if the message names it. */
  reply?: Target | undefined;
  /** Of the message. */
  thread?: string | undefined;
}

/**
 * Sends receipts to senders: live if connected, else to their mailbox. Of a sender with synced devices: live to the one
 * that sent and to sessions that are not synced, to the other devices through their mailboxes. What was sent over HTTP is
 * not sent again when a live receipt is lost: its receipts always go to a mailbox, too. So do rejections where somebody wants
 * their events: one statement writes both, since the next try of the batch may find room.
 *
 * Where the message has a reply address, the receipt goes there, without a look at presence. If the session is gone, or
 * not its user's only one any more, its gateway returns the receipt, and routing looks the sender up.
 *
 * @param presence locations of the senders, if already known
 */
export async function relayReceipts(
  relay: RelayContext,
  items: readonly ReceiptItem[],
  presence?: Map<string, UserLocation>,
): Promise<void> {
  const since = Date.now();
  await relayByPresence(
    relay,
    items.filter(({ reply }) => !reply),
    presence,
  );
  // Last, since all of it is tried again if the database fails.
  const addressed = items.filter((item) => item.reply);
  for (const item of addressed)
    if (item.reply) sendLive(relay, item, [{ ...item.reply, copy: item.origin }], since);
  receiptsTotal.inc({ outcome: 'live' }, addressed.length);
}

async function relayByPresence(
  relay: RelayContext,
  items: readonly ReceiptItem[],
  presence?: Map<string, UserLocation>,
): Promise<void> {
  if (items.length === 0) return;
  const { db, leaseMs } = relay;
  const since = Date.now();
  const users = items.map(({ receipt }) => receipt.user);
  const found = presence ?? (await findUserLocations(db, users, leaseMs));
  const records = relay.events?.wants('message.rejected') === true;
  const away: ReceiptItem[] = [];
  /** If the mailbox fails, all of this is tried again: then the message may have room. */
  const rejected: [ReceiptItem, SessionLocation[]][] = [];
  for (const item of items) {
    const location = found.get(item.receipt.user);
    const sessions = location ? liveSessions(location, item) : [];
    if (item.receipt.state === 'rejected') rejected.push([item, sessions]);
    else if (sessions.length > 0) sendLive(relay, item, sessions, since);
    const stored = mailboxPart(item, location, sessions, records);
    if (stored) away.push(stored);
  }
  await storeAndHintReceipts(relay, away);
  for (const [item, sessions] of rejected) if (sessions.length > 0) sendLive(relay, item, sessions, since);
  const stored = away.filter(({ receipt }) => receipt.except === undefined).length;
  receiptsTotal.inc({ outcome: 'live' }, items.length - stored); // once, also if the mailbox took several tries
}

/** What goes to the mailbox of the sender, or to those of its devices. @param records rejections have events */
function mailboxPart(
  item: ReceiptItem,
  location: UserLocation | undefined,
  sessions: readonly SessionLocation[],
  records: boolean,
): ReceiptItem | undefined {
  const { receipt, origin, thread } = item;
  if (receipt.state === 'rejected' && records) return { ...item, receipt: { ...receipt, event: { thread } } };
  if (origin === '' || sessions.length === 0) return item;
  const except = sessions.find(({ copy }) => copy !== '')?.copy;
  return location?.devices?.some((device) => device !== except)
    ? { ...item, receipt: { ...receipt, except } }
    : undefined;
}

/** The sessions that get a receipt live. */
const liveSessions = ({ sessions, devices }: UserLocation, { origin }: ReceiptItem) =>
  devices ? sessions.filter(({ copy }) => copy === '' || copy === origin) : sessions;

function sendLive(
  { gatewaySender }: RelayContext,
  item: ReceiptItem,
  sessions: readonly { gateway: string; session: string; copy?: string | undefined }[],
  since: number,
): void {
  const { user, id, state } = item.receipt;
  trace('receipt live', user, id, { state, sessions });
  const span = nextSpan('receipt', item.traceparent, user, id, since);
  const traceparent = span?.traceparent ?? item.traceparent;
  for (const { gateway, session, copy } of sessions)
    gatewaySender.send(
      gateway,
      {
        ...{ kind: 'receipt', session, ...item.receipt, traceparent },
        ...(copy !== undefined && { copy }),
        ...(item.reply && { addressed: true }),
      },
      item.delivery,
    );
  span?.end('live');
}

/**
 * Stores receipts in mailboxes, then looks the senders up and hints. Insert-then-look meets register-then-pull: one
 * side always sees the other, so no sender who comes back meanwhile misses a receipt.
 */
export async function storeAndHintReceipts(
  { db, gatewaySender, leaseMs }: RelayContext,
  items: readonly ReceiptItem[],
): Promise<void> {
  if (items.length === 0) return;
  const since = Date.now();
  const stored = await storeReceipts(
    db,
    items.map(({ receipt }) => receipt),
  );
  receiptsTotal.inc({ outcome: 'stored' }, stored);
  for (const { receipt, traceparent } of items) {
    trace('receipt stored', receipt.user, receipt.id, { state: receipt.state });
    nextSpan('receipt', traceparent, receipt.user, receipt.id, since)?.end('stored');
  }
  const back = await findSessions(
    db,
    items.map(({ receipt }) => receipt.user),
    leaseMs,
  );
  for (const [user, of] of Map.groupBy(items, ({ receipt }) => receipt.user)) {
    const isNews = ({ copy }: SessionLocation) => of.some(({ receipt }) => isFor(receipt, copy));
    gatewaySender.hint((back.get(user) ?? []).filter(isNews), of[0]?.delivery);
  }
}

/** Whether a receipt is in the mailbox that a session reads. @param copy its synced device, if it is on one */
const isFor = ({ device, except }: StoredReceipt, copy: string | undefined) =>
  copy === undefined || (copy !== except && (device === undefined || copy === device));
