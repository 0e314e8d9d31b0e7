import { HTTP_DEVICE } from '../users.ts';

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
export type Via = 'live' | 'mailbox';

/** How a message came to a device. */
export interface Arrival extends Seen {
  via: Via;
  /** The server's time of this copy. */
  at: number;
  /** The proof that came with it, if its sender asked for a read receipt. */
  proof: string | undefined;
}

/** The application of a device got it. */
export interface Handed {
  t: number;
  n: number;
  who: string;
  intact: boolean;
  again: boolean;
}

/** A state that the sender was told on the wire, or finds in its mailbox. */
export interface TellingState {
  state: string;
  reason: string | undefined;
  /** The server's time. */
  at: number;
}

/** A state that the application of a device got. */
export interface Told {
  who: string;
  state: string;
  /** Not from the run of the program that sent the message. */
  late: boolean;
  /** Number of the run. */
  opened: number;
}

/** What an application sent. */
export interface Sent {
  from: string;
  /** `user/device` */
  by: string;
  to: readonly string[];
  id: string;
  sentAt: number;
  ttl: number | undefined;
  read: boolean;
}

/** What an application sent to one receiver or several, and how it came to the other devices of its own user. */
export interface Sending extends Sent {
  /** One for each receiver. */
  readonly list: readonly Message[];
  readonly ownArrived: Arrival[];
  readonly ownHanded: Handed[];
}

/**
 * Everything that the clients' histories say about one message to one receiver; `who` names the device. A message to
 * several receivers is one for each.
 */
export interface Message {
  readonly from: string;
  readonly to: string;
  readonly id: string;
  /** The sender's own counter, which increases with time. */
  readonly n: number;
  readonly sentAt: number;
  /** Seconds after which it is of no use. */
  readonly ttl: number | undefined;
  /** Its sender asked for a read receipt. */
  readonly read: boolean;
  readonly sending: Sending;
  /** What was sent with the same packet, one for each receiver; itself included. */
  readonly list: readonly Message[];
  /** msg:R, and msg:A with its `at`. */
  readonly requested: Seen[];
  readonly accepted: (Seen & { at: number })[];
  /** How it came to the receiver's devices. */
  readonly arrived: Arrival[];
  /** The application of a device got it. */
  readonly handed: Handed[];
  /** A device of the receiver confirmed it: ack:R, or offline:A. */
  readonly confirmed: Seen[];
  /** A device of the receiver said that its user has seen it (read:R), with which proof; and the answers (read:A). */
  readonly marked: (Seen & { proof: string })[];
  readonly markAccepted: Seen[];
  /** States that the sender's devices got on the wire. */
  readonly states: (Seen & TellingState & { via: Via })[];
  /** States that the sender's applications got, those of one device in order. */
  readonly told: Told[];
  /** Its sender left, or did not ask again, and may have missed that the mailbox was full. */
  unheard: boolean;
}

/** A back end sent it. */
export const isOverHttp = ({ by }: Pick<Sent, 'by'>): boolean => by.endsWith(`/${HTTP_DEVICE}`);

export const userOf = (who: string) => who.slice(0, who.indexOf('/'));

/** Those of each device. */
export const byDevice = <T extends { who: string }>(all: readonly T[]): Map<string, T[]> =>
  Map.groupBy(all, ({ who }) => who);

/** With a message for each receiver. */
export function newSending(sent: Sent): Sending {
  const { from, to: receivers, id, sentAt, ttl, read } = sent;
  const list: Message[] = [];
  const sending = { ...sent, list, ownArrived: [], ownHanded: [] };
  for (const to of receivers) {
    const seen = { requested: [], accepted: [], arrived: [], handed: [], confirmed: [] };
    const told = { marked: [], markAccepted: [], states: [], told: [] };
    const n = Number.parseInt(id.slice(1), 10);
    list.push({ from, to, id, n, sentAt, ttl, read, sending, list, ...seen, ...told, unheard: false });
  }
  return sending;
}
