import type { Message, Seen, TellingState } from './message.ts';

/** What a packet is about: the messages that clients have sent so far, and the run as a whole. */
export interface PacketContext {
  /** The message, if somebody sent it; else the event goes on record. */
  find: (from: string, id: string, to: string) => Message | undefined;
  /** The messages behind the keys of mailbox entries, by user and key. */
  keys: Map<string, Message>;
  errors: Map<string, number>;
  /** At whose client it happened. */
  user: string;
}

/** The fields of those packets in which they stand. */
export interface Fields {
  id: string;
  from: string;
  to: string | string[];
  at: number;
  state: string;
  reason?: string;
  code: string;
  keys: string[];
  read?: string;
  items: { from: string; id: string; read: string }[];
  messages: { key: string; from: string; id: string; at: number; read?: string }[];
  receipts: { id: string; to: string; state: string; reason?: string; at: number }[];
}

type Tell = (context: PacketContext, seen: Seen, packet: Fields) => void;

const names = (to: string | string[]) => (typeof to === 'string' ? [to] : to);
const telling = ({ state, reason, at }: Fields | Fields['receipts'][number]): TellingState => ({
  ...{ state, reason, at },
});

/** What each packet tells, by its direction and type. */
export const PACKETS: Record<string, Tell> = {
  'out msg:R': ({ find, user }, seen, { id, to }) => {
    for (const receiver of names(to)) find(user, id, receiver)?.requested.push(seen);
  },
  'in msg:N': ({ find, user }, seen, { from, id, at, read }) =>
    find(from, id, user)?.arrived.push({ ...seen, via: 'live', at, proof: read }),
  'out ack:R': ({ find, user }, seen, { from, id }) => find(from, id, user)?.confirmed.push(seen),
  'in ack:N': ({ find, user }, seen, packet) =>
    find(user, packet.id, String(packet.to))?.states.push({ ...seen, ...telling(packet), via: 'live' }),
  'in error': ({ errors }, _, { code }) => errors.set(code, (errors.get(code) ?? 0) + 1),
  'in offline:N': ({ find, user, keys }, seen, { messages, receipts }) => {
    for (const { key, from, id, at, read } of messages) {
      const message = find(from, id, user);
      if (!message) continue;
      message.arrived.push({ ...seen, via: 'mailbox', at, proof: read });
      keys.set(`${user} ${key}`, message);
    }
    for (const receipt of receipts)
      find(user, receipt.id, receipt.to)?.states.push({ ...seen, ...telling(receipt), via: 'mailbox' });
  },
  'out offline:A': ({ keys, user }, seen, packet) => {
    for (const key of packet.keys) keys.get(`${user} ${key}`)?.confirmed.push(seen);
  },
  'out read:R': ({ find, user }, seen, { items }) => {
    for (const { from, id, read } of items) find(from, id, user)?.marked.push({ ...seen, proof: read });
  },
  'in read:A': ({ find, user }, seen, { items }) => {
    for (const { from, id } of items) find(from, id, user)?.markAccepted.push(seen);
  },
};
