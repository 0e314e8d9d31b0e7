import type { Packet } from '../../testkit/tapped-socket.ts';
import type { ClientEvent } from '../history.ts';
import { type Message, newMessages, type Sending, userOf } from './message.ts';
import { type Fields, type PacketContext, PACKETS } from './packets.ts';

/** What all clients together have seen. */
export interface Facts {
  /** One for each receiver of each message. */
  readonly messages: Message[];
  /** Users who will not come back, or have never been there. */
  readonly left: Set<string>;
  /** `error` packets by code. */
  readonly errors: Map<string, number>;
  /** Contents of outboxes when clients came back. */
  readonly restored: { who: string; n: number; ids: ReadonlySet<string> }[];
  /** Events about messages that no one had sent, or not to this receiver. */
  readonly unknown: ClientEvent[];
}

/**
 * Puts the histories together. Events of one client must be in order; clients need not.
 *
 * @param neverThere users without a client
 */
export function factsOf(
  histories: readonly (readonly ClientEvent[])[],
  neverThere: readonly string[] = [],
): Facts {
  const left = new Set(neverThere);
  const facts: Facts = { messages: [], left, errors: new Map(), restored: [], unknown: [] };
  const names = new Map<string, Map<string, Message>>();
  for (const event of histories.flat()) {
    if (event.is !== 'sent') continue;
    const sending = sendingOf(event);
    const list = newMessages(sending);
    facts.messages.push(...list);
    names.set(`${sending.from} ${event.id}`, new Map(list.map((message) => [message.to, message])));
  }
  const { errors } = facts;
  const keys = new Map<string, Message>();
  for (const history of histories)
    for (const [n, event] of history.entries()) {
      const find = (from: string, id: string, to: string) => {
        const message = names.get(`${from} ${id}`)?.get(to);
        if (!message) facts.unknown.push(event);
        return message;
      };
      const all = (from: string, id: string) => [...(names.get(`${from} ${id}`)?.values() ?? [])];
      addEvent({ facts, keys, errors, find, all, event, n, user: userOf(event.who) });
    }
  return facts;
}

const sendingOf = ({ t, who, id, to, ttl, read = false }: Extract<ClientEvent, { is: 'sent' }>): Sending => ({
  ...{ from: userOf(who), to, id, sentAt: t, ttl, read },
});

interface Context extends PacketContext {
  facts: Facts;
  /** A message to all its receivers. */
  all: (from: string, id: string) => readonly Message[];
  event: ClientEvent;
  n: number;
}

function addEvent(context: Context): void {
  const { facts, find, event, n, user } = context;
  const { t, who } = event;
  if (event.is === 'left') facts.left.add(user);
  if (event.is === 'restored') facts.restored.push({ who, n, ids: new Set(event.ids) });
  if (event.is === 'told')
    find(user, event.id, event.to)?.told.push({ state: event.state, late: event.late ?? false });
  if (event.is === 'handed') {
    const { from, id, to, intact, again } = event;
    find(from, id, to)?.handed.push({ t, n, who, intact: intact && user === to, again });
  }
  if (event.is === 'in' || event.is === 'out')
    addPacket(context, `${event.is} ${event.packet.type}`, event.packet as Packet & Fields, {
      ...{ t, n, who, connection: event.connection },
    });
}

function addPacket(context: Context, name: string, packet: Fields, seen: Message['requested'][number]): void {
  // It names no receiver: those that an earlier msg:R named are accepted as well.
  if (name === 'in msg:A') {
    const list = context.all(context.user, packet.id);
    if (list.length === 0) context.facts.unknown.push(context.event);
    for (const { accepted } of list) accepted.push({ ...seen, at: packet.at });
  }
  PACKETS[name]?.(context, seen, packet);
}
