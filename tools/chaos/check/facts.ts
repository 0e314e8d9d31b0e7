import type { Packet } from '../../testkit/tapped-socket.ts';
import type { ClientEvent } from '../history.ts';

/** Where and when something was seen: at which user and device, and in which connection. */
export interface Seen {
  /** Milliseconds since the epoch. */
  t: number;
  /** Its place in the history of its client process: milliseconds are too coarse to tell an order. */
  n: number;
  /** `user/device` */
  who: string;
  connection: number;
}

/** On a connection as it happened, or later out of the mailbox. */
type Via = 'live' | 'mailbox';

/** Everything that the clients' histories say about one message; `who` names the device. */
export interface Message {
  readonly from: string;
  readonly to: string;
  readonly id: string;
  /** The sender's own counter, which increases with time. */
  readonly n: number;
  readonly sentAt: number;
  /** msg:R, and msg:A with its `at`. */
  readonly requested: Seen[];
  readonly accepted: (Seen & { at: number })[];
  /** How it came to the receiver's devices. */
  readonly arrived: (Seen & { via: Via })[];
  /** The application of a device got it. */
  readonly handed: { t: number; n: number; who: string; intact: boolean; again: boolean }[];
  /** A device of the receiver confirmed it: ack:R, or offline:A. */
  readonly confirmed: Seen[];
  /** States that the sender's devices got on the wire. */
  readonly states: (Seen & { state: string; via: Via })[];
  /** States that the sender's application got, in order. */
  readonly told: string[];
}

/** What all clients together have seen. */
export interface Facts {
  readonly messages: Message[];
  /** Users who will not come back. */
  readonly left: Set<string>;
  /** `error` packets by code. */
  readonly errors: Map<string, number>;
  /** Contents of outboxes when clients came back. */
  readonly restored: { who: string; n: number; ids: ReadonlySet<string> }[];
  /** Events about messages that no one had sent. */
  readonly unknown: ClientEvent[];
}

export const userOf = (who: string) => who.slice(0, who.indexOf('/'));

/** Those of each device. */
export const byDevice = <T extends { who: string }>(all: readonly T[]): Map<string, T[]> =>
  Map.groupBy(all, ({ who }) => who);

/** Puts the histories together. Events of one client must be in order; clients need not. */
export function factsOf(histories: readonly (readonly ClientEvent[])[]): Facts {
  const facts: Facts = { messages: [], left: new Set(), errors: new Map(), restored: [], unknown: [] };
  for (const event of histories.flat()) if (event.is === 'sent') facts.messages.push(newMessage(event));
  const names = new Map(facts.messages.map((message) => [`${message.from} ${message.id}`, message]));
  const keys = new Map<string, Message>();
  for (const history of histories)
    for (const [n, event] of history.entries()) {
      const find = (from: string, id: string) => {
        const message = names.get(`${from} ${id}`);
        if (!message) facts.unknown.push(event);
        return message;
      };
      addEvent({ facts, keys, find, event, n, user: userOf(event.who) });
    }
  return facts;
}

function newMessage({ t, who, id, to }: Extract<ClientEvent, { is: 'sent' }>): Message {
  const lists = { requested: [], accepted: [], arrived: [], handed: [], confirmed: [], states: [], told: [] };
  return { from: userOf(who), to, id, n: Number(id.slice(1)), sentAt: t, ...lists };
}

interface Context {
  facts: Facts;
  /** The messages behind the keys of mailbox entries, by user and key. */
  keys: Map<string, Message>;
  find: (from: string, id: string) => Message | undefined;
  event: ClientEvent;
  n: number;
  /** At whose client it happened. */
  user: string;
}

function addEvent(context: Context): void {
  const { facts, find, event, n, user } = context;
  const { t, who } = event;
  if (event.is === 'left') facts.left.add(user);
  if (event.is === 'restored') facts.restored.push({ who, n, ids: new Set(event.ids) });
  if (event.is === 'told') find(user, event.id)?.told.push(event.state);
  if (event.is === 'handed') {
    const { from, id, to, again } = event;
    find(from, id)?.handed.push({ t, n, who, intact: event.intact && user === to, again });
  }
  if (event.is === 'in' || event.is === 'out')
    PACKETS[`${event.is} ${event.packet.type}`]?.(
      context,
      { t, n, who, connection: event.connection },
      event.packet as Packet & Fields,
    );
}

/** The fields of those packets in which they stand. */
interface Fields {
  id: string;
  from: string;
  at: number;
  state: string;
  code: string;
  keys: string[];
  messages: { key: string; from: string; id: string }[];
  receipts: { id: string; state: string }[];
}

/** What each packet tells, by its direction and type. */
const PACKETS: Record<string, (context: Context, seen: Seen, packet: Fields) => void> = {
  'out msg:R': ({ find, user }, seen, { id }) => find(user, id)?.requested.push(seen),
  'in msg:A': ({ find, user }, seen, { id, at }) => find(user, id)?.accepted.push({ ...seen, at }),
  'in msg:N': ({ find }, seen, { from, id }) => find(from, id)?.arrived.push({ ...seen, via: 'live' }),
  'out ack:R': ({ find, user }, seen, { from, id }) => {
    const message = find(from, id);
    if (message?.to === user) message.confirmed.push(seen);
  },
  'in ack:N': ({ find, user }, seen, { id, state }) =>
    find(user, id)?.states.push({ ...seen, state, via: 'live' }),
  'in error': ({ facts: { errors } }, _, { code }) => errors.set(code, (errors.get(code) ?? 0) + 1),
  'in offline:N': ({ find, user, keys }, seen, { messages, receipts }) => {
    for (const { key, from, id } of messages) {
      const message = find(from, id);
      if (!message) continue;
      message.arrived.push({ ...seen, via: 'mailbox' });
      keys.set(`${user} ${key}`, message);
    }
    for (const { id, state } of receipts) find(user, id)?.states.push({ ...seen, state, via: 'mailbox' });
  },
  'out offline:A': ({ keys, user }, seen, packet) => {
    for (const key of packet.keys) keys.get(`${user} ${key}`)?.confirmed.push(seen);
  },
};
