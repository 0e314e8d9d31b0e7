import type { Mailbox } from '#libs/broker/entries.ts';
import { offlineN } from '#libs/protocol/encode.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Session } from './session.ts';

/**
 * Hands a page of the mailbox to the client that asked for it. What expired on the way is left out, and stays in the
 * mailbox for the sweep, which tells its sender (PROTOCOL: ttl).
 */
export function handOut(session: Session, page: Mailbox, now = Date.now()): void {
  const { ask, receipts, more, missed } = page;
  if (!session.registered) return;
  const messages = page.messages.filter(({ expires = Infinity }) => expires > now);
  if (more && messages.length + receipts.length === 0) {
    session.mailboxRequests.repeat(now, ask);
    return;
  }
  if (!session.mailboxRequests.answered(ask)) return;
  for (const { key } of [...messages, ...receipts, ...(missed ? [missed] : [])])
    session.expectedKeys.sent(key);
  for (const { from, id, key } of messages) trace('offline:N', from, id, { session: session.id, key });
  for (const { id, state, key } of receipts)
    trace('offline:N', session.user, id, { session: session.id, state, key });
  const texts = messages.map((message) => ({
    ...message,
    bodyText: message.body,
    read: session.proofOf(message),
  }));
  session.connection.send('offline:N', offlineN(texts, receipts, more, missed));
}
