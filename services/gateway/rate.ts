import type { Decoded } from '#libs/protocol/decode.ts';
import { nameOf } from './receive-window.ts';
import type { Session } from './session.ts';

/** Whether a packet is one too many. An answer to something that this session was sent does not count. */
export function overRate(session: Session, { packet }: Decoded): 'limited' | 'persists' | undefined {
  if (packet?.type === 'ack:R' && session.owedAnswers.answered(nameOf(packet.from, packet.id)))
    return undefined;
  if (packet?.type === 'offline:A') {
    const owed = packet.keys.map((key) => session.owedKeys.answered(key));
    if (owed.includes(true)) return undefined;
  }
  const charged = session.charge();
  return charged === 'ok' ? undefined : charged;
}
