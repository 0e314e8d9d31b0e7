import type { ErrorPacket } from '../protocol/packets.ts';
import type { PendingAcks } from './incoming/pending-acks.ts';
import { ClientError } from './errors.ts';
import type { Outbox } from './outgoing/outbox.ts';
import type { MailboxSync } from './incoming/mailbox-sync.ts';

/** The same packet may pass later (PROTOCOL: error codes). */
const FOR_NOW = new Set(['unavailable', 'rate_limited', 'window_full']);

/** Says something of the connection, nothing of the packet: what was asked is asked again on the next one. */
const OF_THE_CONNECTION = new Set(['unauthorized', 'not_logged_in', 'replaced', 'draining', 'overloaded']);

export interface ServerErrorPorts {
  readonly outbox: Outbox;
  readonly mailbox: MailboxSync;
  readonly pendingAcks: PendingAcks;
  readonly report: (error: ClientError) => void;
}

/**
 * Takes an `error` packet to whoever made the request that it names. What is only refused for now is dealt with and
 * not reported; a code that this client does not know is for good.
 */
export function routeServerError({ code, message, re }: ErrorPacket, ports: ServerErrorPorts): void {
  const { outbox, mailbox, pendingAcks, report } = ports;
  const forNow = FOR_NOW.has(code);
  if (!forNow || re === undefined)
    report(new ClientError('server', `${code}: ${message}`, { serverCode: code }));
  if (OF_THE_CONNECTION.has(code) || re === undefined) return;
  switch (re.type) {
    case 'msg:R':
      if (re.id === undefined) return;
      if (forNow) outbox.refused(re.id);
      else outbox.refusedForGood(re.id, code);
      return;
    case 'ack:R':
      if (re.id !== undefined && re.from !== undefined) pendingAcks.answered(re.from, re.id);
      return;
    case 'offline:R':
      if (forNow) mailbox.refused();
      else mailbox.drain();
      return;
    case 'offline:A':
      if (forNow) mailbox.confirmRefused();
      return;
    default:
  }
}
