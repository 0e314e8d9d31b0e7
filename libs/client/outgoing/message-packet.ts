import { fits, msgR } from '../client-packets.ts';
import type { Session } from '../connection/status.ts';
import type { Outgoing } from './outgoing.ts';

export type MessageLimits = Pick<Session['limits'], 'maxPacketBytes' | 'maxReceivers'>;

/**
 * The msg:R of a message; of one for several, to those that have no ack:N.
 *
 * @returns `problem`: why the server would not take it
 */
export function packetOf(
  { id, to, bodyText, seq, thread, ttl, read, missing }: Outgoing,
  { maxPacketBytes, maxReceivers = 0 }: MessageLimits,
): { readonly text: string; readonly problem?: string } {
  const single = typeof to === 'string';
  const text = msgR({ id, to: single ? to : missing, bodyText, seq, thread, ttl, read });
  if (!single && to.length > maxReceivers) return { text, problem: 'too_many_receivers' };
  return fits(text, maxPacketBytes) ? { text } : { text, problem: 'too_large' };
}
