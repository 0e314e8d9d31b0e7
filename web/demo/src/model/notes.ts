import type { Wired } from './wire.ts';
import type { World } from './world.ts';

/** What the services did before this packet of the highlighted message, as far as it follows from what was seen. */
export function notesBefore(_world: World, packets: readonly Wired[], index: number): string[] {
  const packet = packets[index];
  if (!packet || packet.fate === 'dropped') return [];
  const earlier = packets.slice(0, index).filter(({ type }) => type === packet.type);
  switch (packet.type) {
    case 'msg:A':
      return earlier.length === 0 ? ['on disk in a quorum queue: confirmed'] : [];
    case 'msg:N':
      return earlier.some(({ who }) => who === packet.who)
        ? []
        : [`routing: ${packet.user} is at ${packet.gateway}`];
    case 'ack:A':
      return earlier.length === 0 ? ['the confirmation is on disk'] : [];
    case 'ack:N':
      return [ofReceipt(packet)];
    case 'offline:N':
      return packet.detail === 'hint' ? [] : [`routing: read the mailbox of ${packet.user}`];
    case 'offline:A':
      return ['next: PostgreSQL deletes the entries'];
    default:
      return [];
  }
}

function ofReceipt({ detail, to, user, gateway }: Wired): string {
  if (detail === 'stored') return `routing: ${to.join(', ')} away, into the mailbox`;
  if (detail === 'rejected') return 'the message cannot be kept';
  return `ack: ${user} is at ${gateway}`;
}
