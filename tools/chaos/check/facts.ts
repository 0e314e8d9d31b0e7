import type { ClientEvent, Packet } from '../history.ts';

/** Where something was said: the client, the connection, and when (milliseconds since the epoch). */
export interface Saying {
  t: number;
  /** Its place in the history of its client process: milliseconds are too coarse to tell an order. */
  n: number;
  who: string;
  connection: number;
}

/** What the sender was told on the wire. */
export interface Word extends Saying {
  state: string;
  /** In an ack:N, or in the mailbox. */
  via: 'live' | 'mailbox';
  reason?: string;
}

/** All that is known of one message from the histories of the clients. */
export interface Message {
  readonly from: string;
  readonly to: string;
  readonly id: string;
  /** The sender's own counter, which goes up with time. */
  readonly n: number;
  sentAt: number;
  /** Sent on the wire: msg:R. */
  requested: Saying[];
  /** msg:A, with its `at`. */
  accepted: (Saying & { at: number })[];
  /** How it came to the receiver's devices. */
  arrived: (Saying & { via: 'live' | 'mailbox' })[];
  handed: { t: number; n: number; who: string; intact: boolean; again: boolean }[];
  /** A device of the receiver said that it has it: ack:R, or offline:A. */
  confirmed: Saying[];
  words: Word[];
  /** What the sender's application was told, in order. */
  told: string[];
}

/** What all clients together have seen. */
export interface Facts {
  messages: Message[];
  /** Users who said that they will not come back. */
  left: Set<string>;
  /** `error` packets by code. */
  errors: Map<string, number>;
  /** What outboxes held when clients came back. */
  restored: { who: string; n: number; ids: ReadonlySet<string> }[];
  /** Messages that were handed on, or told of, and that nobody had sent. */
  unheardOf: ClientEvent[];
}

interface Entry {
  key: string;
  from?: string;
  to?: string;
  id: string;
  state?: string;
}

const userOf = (who: string) => who.slice(0, who.indexOf('/'));

/** Puts the histories together. Events of one client must be in order; clients need not. */
export function factsOf(histories: readonly (readonly ClientEvent[])[]): Facts {
  const gathering = new Gathering();
  // Who sent what comes first, so that the rest of another client's history finds it.
  for (const history of histories) for (const event of history) gathering.begin(event);
  for (const history of histories) for (const [n, event] of history.entries()) gathering.add(event, n);
  return gathering.facts;
}

class Gathering {
  readonly facts: Facts = {
    messages: [],
    left: new Set(),
    errors: new Map(),
    restored: [],
    unheardOf: [],
  };
  readonly #byName = new Map<string, Message>();
  /** What a mailbox key stands for, by user and key. */
  readonly #keys = new Map<string, Message>();

  begin({ is, t, who, ...event }: ClientEvent): void {
    if (is !== 'sent') return;
    const { id, to } = event as { id: string; to: string };
    const from = userOf(who);
    const n = Number(id.slice(1));
    const lists = {
      requested: [],
      accepted: [],
      arrived: [],
      handed: [],
      confirmed: [],
      words: [],
      told: [],
    };
    const message: Message = { from, to, id, n, sentAt: t, ...lists };
    this.#byName.set(`${from} ${id}`, message);
    this.facts.messages.push(message);
  }

  add(event: ClientEvent, n: number): void {
    const { t, who } = event;
    const { facts } = this;
    switch (event.is) {
      case 'sent':
        return;
      case 'left':
        facts.left.add(userOf(who));
        return;
      case 'closed':
        return; // for the timeline
      case 'restored':
        facts.restored.push({ who, n, ids: new Set(event.ids) });
        return;
      case 'handed':
        this.#find(event, event.from, event.id)?.handed.push({
          t,
          n,
          who,
          intact: event.intact && userOf(who) === event.to,
          again: event.again,
        });
        return;
      case 'told':
        this.#find(event, userOf(who), event.id)?.told.push(event.state);
        return;
      case 'in':
        this.#arrived(event, event.packet, { t, n, who, connection: event.connection });
        return;
      case 'out':
        this.#left(event, event.packet, { t, n, who, connection: event.connection });
        return;
    }
  }

  #arrived(event: ClientEvent, packet: Packet, saying: Saying): void {
    const user = userOf(saying.who);
    const {
      type,
      id = '',
      from = '',
      state,
      reason,
      code,
    } = packet as Packet & Partial<Record<string, string>>;
    if (type === 'msg:A') this.#find(event, user, id)?.accepted.push({ ...saying, at: Number(packet['at']) });
    if (type === 'msg:N') this.#find(event, from, id)?.arrived.push({ ...saying, via: 'live' });
    if (type === 'ack:N')
      this.#find(event, user, id)?.words.push({
        ...saying,
        state: state ?? '',
        via: 'live',
        ...(reason !== undefined && { reason }),
      });
    if (type === 'error') this.facts.errors.set(code ?? '', (this.facts.errors.get(code ?? '') ?? 0) + 1);
    if (type !== 'offline:N') return;
    const { messages, receipts } = packet as unknown as { messages: Entry[]; receipts: Entry[] };
    for (const entry of messages) {
      const message = this.#find(event, entry.from ?? '', entry.id);
      if (!message) continue;
      message.arrived.push({ ...saying, via: 'mailbox' });
      this.#keys.set(`${user} ${entry.key}`, message);
    }
    for (const entry of receipts)
      this.#find(event, user, entry.id)?.words.push({ ...saying, state: entry.state ?? '', via: 'mailbox' });
  }

  #left(event: ClientEvent, packet: Packet, saying: Saying): void {
    const { type, id, from, keys } = packet as Packet & { id: string; from: string; keys: string[] };
    if (type === 'msg:R') this.#find(event, userOf(saying.who), id)?.requested.push(saying);
    if (type === 'ack:R') {
      const message = this.#find(event, from, id);
      if (message?.to === userOf(saying.who)) message.confirmed.push(saying);
    }
    if (type !== 'offline:A') return;
    for (const key of keys) this.#keys.get(`${userOf(saying.who)} ${key}`)?.confirmed.push(saying);
  }

  #find(event: ClientEvent, from: string, id: string): Message | undefined {
    const message = this.#byName.get(`${from} ${id}`);
    if (!message) this.facts.unheardOf.push(event);
    return message;
  }
}
