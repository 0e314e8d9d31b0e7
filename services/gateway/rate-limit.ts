import type { Decoded } from '#libs/protocol/decode.ts';
import { messageKey } from './in-flight.ts';
import type { Session } from './session.ts';

/** Whether a packet exceeds the rate limit. Answers to messages that the session was sent do not count. */
export function rateExceeded(session: Session, { packet }: Decoded): 'limited' | 'persists' | undefined {
  if (packet?.type === 'ack:R' && session.expectedAcks.answered(messageKey(packet.from, packet.id)))
    return undefined;
  if (packet?.type === 'offline:A') {
    const expected = packet.keys.map((key) => session.expectedKeys.answered(key));
    if (expected.includes(true)) return undefined;
  }
  const charged = session.charge();
  return charged === 'ok' ? undefined : charged;
}
