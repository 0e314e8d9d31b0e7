import type { Logins } from './logins.ts';
import type { Message, Seen, Sending, TellingState } from './message.ts';
import type { SyncedDevices } from './synced-devices.ts';

/** What a packet is about: the messages that clients have sent so far, and the run as a whole. */
export interface PacketContext {
  /** The message, if somebody sent it; else the event goes on record. */
  find: (from: string, id: string, to: string) => Message | undefined;
  /** The same to all its receivers. */
  findSending: (from: string, id: string) => Sending | undefined;
  devices: SyncedDevices;
  logins: Logins;
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
  sync?: boolean;
  messages: { key: string; from: string; id: string; at: number; read?: string; to?: string | string[] }[];
  receipts: { key: string; id: string; to: string; state: string; reason?: string; at: number }[];
  missed?: { key: string; count: number };
}

type Tell = (context: PacketContext, seen: Seen, packet: Fields) => void;

const names = (to: string | string[]) => (typeof to === 'string' ? [to] : to);
const telling = ({ state, reason, at }: Fields | Fields['receipts'][number]): TellingState => ({
  ...{ state, reason, at },
});

/** The arrivals of a message: with `to`, another device of the user sent it. */
const arrived = (
  { find, findSending, user }: PacketContext,
  { from, id, to }: { from: string; id: string; to?: string | string[] | undefined },
) => (to === undefined ? find(from, id, user)?.arrived : findSending(from, id)?.ownArrived);

/** What each packet tells, by its direction and type. */
export const PACKETS: Record<string, Tell> = {
  'out msg:R': ({ find, user }, seen, { id, to }) => {
    for (const receiver of names(to)) find(user, id, receiver)?.requested.push(seen);
  },
  'out login:R': ({ logins }, { who }) => logins.ask(who),
  'in login:A': ({ devices, logins }, { t, who, connection }, { sync = false }) => {
    devices.loggedIn(who, t, sync);
    logins.begin(who, t, connection);
  },
  'in msg:N': (context, seen, { from, id, to, at, read }) => {
    arrived(context, { from, id, to })?.push({ ...seen, via: 'live', at, proof: read });
  },
  'out ack:R': ({ find, user }, seen, { from, id }) => {
    if (from !== user) find(from, id, user)?.confirmed.push(seen);
  },
  'in ack:N': ({ find, user }, seen, packet) =>
    find(user, packet.id, String(packet.to))?.states.push({ ...seen, ...telling(packet), via: 'live' }),
  'in error': ({ errors }, _, { code }) => errors.set(code, (errors.get(code) ?? 0) + 1),
  'in offline:N': (context, seen, { messages, receipts, missed }) => {
    const { find, user, keys, devices } = context;
    const { who } = seen;
    devices.given(
      who,
      [...messages, ...receipts, ...(missed ? [missed] : [])].map(({ key }) => key),
    );
    if (missed) devices.missed(who, missed.key, missed.count);
    for (const { key, from, id, to, at, read } of messages) {
      arrived(context, { from, id, to })?.push({ ...seen, via: 'mailbox', at, proof: read });
      const message = to === undefined ? find(from, id, user) : undefined;
      if (message) keys.set(`${user} ${key}`, message);
    }
    for (const receipt of receipts)
      find(user, receipt.id, receipt.to)?.states.push({ ...seen, ...telling(receipt), via: 'mailbox' });
  },
  'out offline:A': ({ keys, user, devices }, seen, packet) => {
    devices.confirmed(seen.who, packet.keys);
    for (const key of packet.keys) keys.get(`${user} ${key}`)?.confirmed.push(seen);
  },
  'out read:R': ({ find, user }, seen, { items }) => {
    for (const { from, id, read } of items) find(from, id, user)?.marked.push({ ...seen, proof: read });
  },
  'in read:A': ({ find, user }, seen, { items }) => {
    for (const { from, id } of items) find(from, id, user)?.markAccepted.push(seen);
  },
};
