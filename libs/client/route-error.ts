import type { ErrorPacket } from '../protocol/packets.ts';
import { ClientError } from './errors.ts';
import type { MailboxSync } from './incoming/mailbox-sync.ts';
import type { PendingAcks } from './incoming/pending-acks.ts';
import type { PendingReads } from './incoming/pending-reads.ts';
import type { Outbox } from './outgoing/outbox.ts';

/** The server may accept the same packet later (PROTOCOL: error codes). */
const TEMPORARY = ['unavailable', 'rate_limited', 'window_full'];

/** Errors of the connection, not of a packet: the client asks again on the next connection. */
const OF_CONNECTION = ['unauthorized', 'not_logged_in', 'replaced', 'draining', 'overloaded'];

export interface ErrorParts {
  readonly outbox: Outbox;
  readonly mailbox: MailboxSync;
  readonly pendingAcks: PendingAcks;
  readonly reads: PendingReads;
}

/**
 * Takes an error to the part whose packet it is about. Reports all but temporary ones; a code that this client does not
 * know is permanent.
 */
export function routeError(
  { code, message, re }: ErrorPacket,
  { outbox, mailbox, pendingAcks, reads }: ErrorParts,
  report: (error: ClientError) => void,
  signedOut: () => void,
): void {
  const temporary = TEMPORARY.includes(code);
  if (!temporary || !re) report(new ClientError('server', `${code}: ${message}`, { serverCode: code }));
  if (!re || OF_CONNECTION.includes(code)) return;
  const { type, id = '', from = '', to } = re;
  if (type === 'ack:R') pendingAcks.answered(from, id);
  if (type === 'msg:R') {
    if (temporary) outbox.refused(id);
    else outbox.refusedPermanently(id, code, to);
  }
  if (type === 'offline:R') {
    if (temporary) mailbox.refused();
    else mailbox.drain();
  }
  if (temporary && type === 'offline:A') mailbox.ackRefused();
  // Without an answer both are sent again.
  if (!temporary && type === 'read:R') reads.offline();
  if (!temporary && type === 'logout:R') signedOut();
}
