import type { Delivery } from '#libs/broker/delivery.ts';
import type { Confirm, Pull } from '#libs/broker/entries.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { receiptsTotal } from '#libs/relay/metrics.ts';
import { confirmEntries } from '#libs/store/confirm.ts';
import { findSessions } from '#libs/store/presence.ts';
import type { Database } from '#libs/store/database.ts';
import { confirmDeviceEntries } from '#libs/store/device-confirm.ts';
import { readDevicePages } from '#libs/store/device-page.ts';
import { type Page, readMailboxPages } from '#libs/store/mailbox-page.ts';
import { pulledTotal } from './metrics.ts';

/** Mailboxes read by one query: limits the pages in memory. */
const PULLS_AT_A_TIME = 32;

/** offline:R: a page of the mailbox, to the session that asked. */
export async function pull(
  { db, gatewaySender }: RelayContext,
  items: readonly { entry: Pull; delivery: Delivery }[],
): Promise<void> {
  for (let from = 0; from < items.length; from += PULLS_AT_A_TIME) {
    const some = items.slice(from, from + PULLS_AT_A_TIME);
    const pages = await readFilledPages(
      db,
      some.map(({ entry }) => entry),
    );
    for (const { entry, delivery } of some) {
      const page = pages.get(entry);
      if (!page) continue; // there is one for each
      pulledTotal.inc(page.messages.length + page.receipts.length);
      const { gateway, session, ask } = entry;
      gatewaySender.send(gateway, { kind: 'mailbox', session, ask, ...page }, delivery);
    }
    await gatewaySender.waitForCapacity(); // pages are large
  }
}

/**
 * What a page was to hold may be confirmed meanwhile: it is read again, since none may be empty with `more: true`
 * (PROTOCOL: offline:N).
 */
async function readFilledPages(db: Database, pulls: readonly Pull[]): Promise<Map<Pull, Page>> {
  const pages = await readPages(db, pulls);
  for (;;) {
    const empty = pulls.filter((pull) => pull.limit > 0 && isEmptyWithMore(pages.get(pull)));
    if (empty.length === 0) return pages;
    for (const [pull, page] of await readPages(db, empty)) pages.set(pull, page);
  }
}

const isEmptyWithMore = (page?: Page) =>
  page?.more === true && page.messages.length + page.receipts.length === 0;

/** A page for each: of its user's mailbox, or of its synced device's. */
async function readPages(db: Database, pulls: readonly Pull[]): Promise<Map<Pull, Page>> {
  const pages = new Map<Pull, Page>();
  const plain = pulls.filter(({ device }) => device === undefined);
  const synced = pulls.filter((pull): pull is Pull & { device: string } => pull.device !== undefined);
  if (plain.length > 0)
    for (const [n, page] of (await readMailboxPages(db, plain)).entries()) set(pages, plain[n], page);
  if (synced.length > 0)
    for (const [n, page] of (await readDevicePages(db, synced)).entries()) set(pages, synced[n], page);
  return pages;
}

const set = (pages: Map<Pull, Page>, pull: Pull | undefined, page: Page) => pull && pages.set(pull, page);

/** offline:A: exactly these entries are deleted, and the senders of the messages among them learn `delivered`. */
export async function confirm(
  { db, gatewaySender, leaseMs }: RelayContext,
  items: readonly { entry: Confirm; delivery: Delivery }[],
  again: boolean,
): Promise<void> {
  if (items.length === 0) return;
  const entries = items.map(({ entry }) => entry);
  const synced = entries.filter((one): one is Confirm & { device: string } => one.device !== undefined);
  const told = [...(await confirmDeviceEntries(db, synced)), ...(await confirmEntries(db, entries, again))];
  receiptsTotal.inc(
    { outcome: 'stored' },
    told.reduce((sum, { receipts }) => sum + receipts, 0),
  );
  const present = await findSessions(
    db,
    told.map(({ sender }) => sender),
    leaseMs,
  );
  // A hint holds the confirmation that caused it: if the hint is lost, the confirmation is redelivered.
  const causes = new Map(items.map(({ entry, delivery }) => [entry.user, delivery]));
  for (const { sender, by } of told) gatewaySender.hint(present.get(sender) ?? [], causes.get(by));
}
