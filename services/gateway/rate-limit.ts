import type { Decoded } from '#libs/protocol/decode.ts';
import type { Receivers } from '#libs/protocol/names.ts';
import { windowKey } from './in-flight.ts';
import type { Session } from './session.ts';

/** Whether a packet exceeds the rate limit. Answers to messages that the session was sent do not count. */
export function rateExceeded(session: Session, { packet }: Decoded): 'limited' | 'persists' | undefined {
  if (packet?.type === 'ack:R' && session.expectedAcks.answered(windowKey(packet.from, packet.id)))
    return undefined;
  if (packet?.type === 'offline:A') {
    const expected = packet.keys.map((key) => session.expectedKeys.answered(key));
    if (expected.includes(true)) return undefined;
  }
  const charged = session.charge(packet && 'to' in packet ? tokensFor(packet.to) : 1);
  return charged === 'ok' ? undefined : charged;
}

/** Receivers that count as one packet. */
const RECEIVERS_PER_TOKEN = 10;

/** What a packet to these receivers counts for. */
export const tokensFor = (to: Receivers) =>
  typeof to === 'string' ? 1 : Math.ceil(to.length / RECEIVERS_PER_TOKEN);
