import type { Decoded } from '#libs/protocol/decode.ts';
import type { Session } from './session.ts';

/**
 * Whether a packet is one too many. An answer to something that this session was sent does not count: a receiver
 * that answers is never refused, however much comes (PROTOCOL: rate_limited). Names of what was sent are not kept
 * for that once they are out of flight: each late answer uses up one that is owed.
 */
export function overRate(session: Session, { packet }: Decoded): 'limited' | 'persists' | undefined {
  if (packet?.type === 'ack:R') {
    if (session.window.holds(packet.from, packet.id)) return undefined;
    if (session.lateAnswers > 0) {
      session.lateAnswers--;
      return undefined;
    }
  }
  if (packet?.type === 'offline:A' && session.openKeys > 0) {
    session.openKeys = Math.max(0, session.openKeys - packet.keys.length);
    return undefined;
  }
  const charged = session.charge();
  return charged === 'ok' ? undefined : charged;
}
