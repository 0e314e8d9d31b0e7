import type { OfflineMessage, OfflineReceipt } from '#libs/protocol/server-packets.ts';
import type { RawClient } from './raw-client.ts';

/** What was in a mailbox. */
export interface MailboxContents {
  messages: OfflineMessage[];
  receipts: OfflineReceipt[];
  /** Copies that a synced device did not get. */
  missed?: number;
}

/** Pulls page after page and confirms each, until nothing is left (PROTOCOL: what a client must do, 5). */
export async function emptyMailbox(client: RawClient, limit = 500): Promise<MailboxContents> {
  const contents: MailboxContents = { messages: [], receipts: [] };
  for (;;) {
    const { messages, receipts, more, missed } = await client.pull(limit);
    contents.messages.push(...messages);
    contents.receipts.push(...receipts);
    if (missed) contents.missed = (contents.missed ?? 0) + missed.count;
    const keys = [...messages, ...receipts, ...(missed ? [missed] : [])].map(({ key }) => key);
    if (keys.length > 0) client.send({ type: 'offline:A', keys });
    if (!more) return contents;
  }
}
