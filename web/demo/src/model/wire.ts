/** A packet as JSON. */
export type Packet = Readonly<Record<string, unknown>> & { readonly type: string };

/** `out`: from a person to a gateway. */
export type Direction = 'out' | 'in';

/** What became of a packet on its way: `dropped` by a fault that somebody switched on. */
export type Fate = 'passed' | 'dropped';

/** A packet that passed through this page, as the diagram and the story use it. */
export interface Wired {
  /** Counts up. */
  readonly n: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Whose socket: {@link Person.who}. */
  readonly who: string;
  readonly user: string;
  readonly gateway: string;
  readonly direction: Direction;
  readonly type: string;
  readonly fate: Fate;
  /** The messages that it is about, as `sender/id`. */
  readonly messages: readonly string[];
  /** The `state` or `code` in it, or how many entries it has, for a label. */
  readonly detail: string;
  /** Receivers of msg:R, and the one of ack:N. */
  readonly to: readonly string[];
}

/** The name of a message everywhere on this page. */
export const keyOf = (from: string, id: string): string => `${from}/${id}`;

interface Item {
  id?: string;
  from?: string;
  to?: string;
  key?: string;
  state?: string;
}

const itemsOf = (value: unknown): Item[] => (Array.isArray(value) ? (value as Item[]) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What a packet says, without its body. `mailbox` names the messages behind the keys of a person's mailbox. */
export function readPacket(
  packet: Packet,
  user: string,
  mailbox: ReadonlyMap<string, string>,
): Pick<Wired, 'type' | 'messages' | 'detail' | 'to'> {
  const { type } = packet;
  const to = [packet['to']].flat().flatMap((each) => text(each) || []);
  return { type, to, messages: [...new Set(messagesOf(packet, user, mailbox))], detail: detailOf(packet) };
}

function messagesOf(packet: Packet, user: string, mailbox: ReadonlyMap<string, string>): string[] {
  const id = text(packet['id']);
  switch (packet.type) {
    case 'msg:R':
    case 'msg:A':
    case 'ack:N':
      return [keyOf(user, id)];
    case 'msg:N':
    case 'ack:R':
    case 'ack:A':
      return [keyOf(text(packet['from']), id)];
    case 'read:R':
    case 'read:A':
      return itemsOf(packet['items']).map((item) => keyOf(item.from ?? '', item.id ?? ''));
    case 'offline:N':
      return mailboxEntries(packet, user).map(({ message }) => message);
    case 'offline:A':
      return (packet['keys'] as string[]).flatMap((key) => mailbox.get(key) ?? []);
    case 'error': {
      const { id: about = '', from = user } = (packet['re'] ?? {}) as Item;
      return about === '' ? [] : [keyOf(from, about)];
    }
    default:
      return [];
  }
}

/** The entries of an offline:N: their keys, and the messages that they are about. */
export const mailboxEntries = (packet: Packet, user: string): { key: string; message: string }[] => [
  ...itemsOf(packet['messages']).map((item) => ({
    key: item.key ?? '',
    message: keyOf(item.from ?? '', item.id ?? ''),
  })),
  ...itemsOf(packet['receipts']).map((item) => ({
    key: item.key ?? '',
    message: keyOf(user, item.id ?? ''),
  })),
];

function detailOf(packet: Packet): string {
  switch (packet.type) {
    case 'offline:N': {
      const messages = itemsOf(packet['messages']).length;
      const states = itemsOf(packet['receipts']).map(({ state }) => state ?? '');
      if (messages + states.length === 0) return packet['more'] === true ? 'hint' : 'empty';
      return [...(messages > 0 ? [`${messages} msg`] : []), ...new Set(states)].join(', ');
    }
    case 'ack:N':
      return text(packet['state']);
    case 'error':
      return text(packet['code']);
    case 'bye':
      return text(packet['reason']);
    default:
      return '';
  }
}
