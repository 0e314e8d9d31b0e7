import type { Packet } from '../../testkit/tapped-socket.ts';
import type { ClientEvent } from '../history.ts';
import { type Message, newSending, type Sending, type Sent, userOf } from './message.ts';
import { Logins } from './logins.ts';
import { type Fields, type PacketContext, PACKETS } from './packets.ts';
import { SyncedDevices } from './synced-devices.ts';

/** What all clients together have seen. */
export interface Facts {
  readonly sendings: Sending[];
  /** One for each receiver of each sending. */
  readonly messages: Message[];
  readonly devices: SyncedDevices;
  readonly logins: Logins;
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
  const devices = new SyncedDevices();
  const facts: Facts = {
    ...{ sendings: [], messages: [], devices, logins: new Logins(), left: new Set(neverThere) },
    ...{ errors: new Map(), restored: [], unknown: [] },
  };
  const names = new Map<string, Sending>();
  for (const event of histories.flat()) {
    if (event.is !== 'sent') continue;
    const sending = newSending(sentOf(event));
    facts.sendings.push(sending);
    facts.messages.push(...sending.list);
    names.set(`${sending.from} ${event.id}`, sending);
  }
  const { errors, logins } = facts;
  const keys = new Map<string, Message>();
  for (const history of histories)
    for (const [n, event] of history.entries()) {
      const findSending = (from: string, id: string) => {
        const sending = names.get(`${from} ${id}`);
        if (!sending) facts.unknown.push(event);
        return sending;
      };
      const find = (from: string, id: string, to: string) => {
        const message = names.get(`${from} ${id}`)?.list.find((one) => one.to === to);
        if (!message) facts.unknown.push(event);
        return message;
      };
      addEvent({
        ...{ facts, keys, errors, devices, logins, find, findSending },
        event,
        n,
        user: userOf(event.who),
      });
    }
  return facts;
}

const sentOf = ({ t, who, id, to, ttl, read = false }: Extract<ClientEvent, { is: 'sent' }>): Sent => ({
  ...{ from: userOf(who), by: who, to, id, sentAt: t, ttl, read },
});

interface Context extends PacketContext {
  facts: Facts;
  event: ClientEvent;
  n: number;
}

function addEvent(context: Context): void {
  const { facts, find, event, n, user } = context;
  const { t, who } = event;
  if (event.is === 'left') facts.left.add(user);
  if (event.is === 'restored') facts.restored.push({ who, n, ids: new Set(event.ids) });
  if (event.is === 'closed') facts.logins.closed(who, t, event.connection);
  if (event.is === 'missed') facts.devices.toldMissed(who, event.count);
  if (event.is === 'told') {
    const { id, to, state, late = false, opened } = event;
    find(user, id, to)?.told.push({ who, state, late, opened });
  }
  if (event.is === 'handed') addHanded(context, event);
  if (event.is === 'in' || event.is === 'out')
    addPacket(context, `${event.is} ${event.packet.type}`, event.packet as Packet & Fields, {
      ...{ t, n, who, connection: event.connection },
    });
}

function addHanded({ find, findSending, n, user }: Context, event: Extract<ClientEvent, { is: 'handed' }>) {
  const { t, who, from, id, to, intact, again, own } = event;
  const handed = { t, n, who, intact: intact && user === to, again };
  if (own) findSending(from, id)?.ownHanded.push({ ...handed, intact: intact && from === user });
  else find(from, id, to)?.handed.push(handed);
}

function addPacket(context: Context, name: string, packet: Fields, seen: Message['requested'][number]): void {
  // It names no receiver: those that an earlier msg:R named are accepted as well.
  if (name === 'in msg:A') {
    const list = context.findSending(context.user, packet.id)?.list ?? [];
    for (const { accepted } of list) accepted.push({ ...seen, at: packet.at });
  }
  PACKETS[name]?.(context, seen, packet);
}
