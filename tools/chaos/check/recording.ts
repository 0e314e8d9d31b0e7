import type { SeenEvent } from '../event-endpoint.ts';
import type { ClientEvent, FaultEvent } from '../history.ts';
import type { Leftovers } from '../leftovers.ts';
import { check } from './check.ts';
import { factsOf } from './facts.ts';
import type { TellingState } from './message.ts';

/** How far apart two steps of a story are, milliseconds. */
const STEP_MS = 20;
const QUOTA = 100;
const BEGAN = 1_000_000;

interface Sending {
  to?: string[];
  ttl?: number;
  read?: boolean;
}

interface Coming {
  from?: string;
  id?: string;
  /** Out of the mailbox, under this key. */
  key?: string;
  /** What another device sent: whom it was for. */
  to?: string | string[];
  read?: string;
  at?: number;
}

type Holders<V> = Map<string, Map<string, V>>;

/**
 * The history of a run as a test makes it up, step by step, for the checker. Users are `a`, `b`, …; a device is named
 * `a/1`. Unless a step says otherwise, it is about the message `m1` of `a` to `b`.
 */
export class Recording {
  readonly history: ClientEvent[] = [];
  readonly faults: FaultEvent[] = [];
  readonly undone: string[] = [];
  readonly crashes: string[] = [];
  /** What a back end heard; undefined: nobody wants events. */
  seen: SeenEvent[] | undefined;
  readonly mailbox = new Map<string, number>();
  readonly held = new Map<string, number>();
  readonly receipts = new Map<string, TellingState>();
  readonly copies: Holders<number> = new Map();
  readonly deviceReceipts: Holders<TellingState> = new Map();
  readonly missedCounts: Holders<number> = new Map();
  readonly sessions = new Map<string, number>();
  readonly server = { stranded: 0, dead: 0 };
  t = BEGAN;

  /** Lets time go by, milliseconds. */
  pause(ms: number): this {
    this.t += ms;
    return this;
  }

  /** Something at a client. */
  note(who: string, event: Omit<ClientEvent, 't' | 'who'> & Partial<Record<string, unknown>>): this {
    this.t += STEP_MS;
    this.history.push({ t: this.t, who, ...event } as ClientEvent);
    return this;
  }

  /** A packet at a client. */
  packet(who: string, is: 'in' | 'out', type: string, fields: object, connection = 1): this {
    return this.note(who, { is, connection, packet: { type, ...fields } });
  }

  /** A device logs in; `sync`: as a synced one. */
  login(who: string, sync = false, connection = 1): this {
    this.packet(who, 'out', 'login:R', {}, connection);
    return this.packet(who, 'in', 'login:A', sync ? { sync } : {}, connection).pause(1_000);
  }

  /** A device sends a message, and gets msg:A. */
  send(who = 'a/1', id = 'm1', { to = ['b'], ttl, read }: Sending = {}): this {
    this.note(who, { is: 'sent', id, to, ...(ttl !== undefined && { ttl }), ...(read && { read }) });
    this.packet(who, 'out', 'msg:R', { id, to });
    return this.packet(who, 'in', 'msg:A', { id, at: this.t });
  }

  /** A message comes to a device, and to its application unless `handed` is false. */
  arrive(who = 'b/1', coming: Coming = {}, handed = true): this {
    const { from = 'a', id = 'm1', key, ...rest } = coming;
    const message = { from, id, at: this.t, ...rest };
    if (key === undefined) this.packet(who, 'in', 'msg:N', message);
    else this.packet(who, 'in', 'offline:N', { messages: [{ key, ...message }], receipts: [] });
    return handed ? this.hand(who, { from, id, ...(rest.to !== undefined && { own: true }) }) : this;
  }

  /** The application of a device gets a message. */
  hand(who = 'b/1', { from = 'a', id = 'm1', intact = true, own = false } = {}): this {
    const [to = ''] = who.split('/');
    return this.note(who, { is: 'handed', from, id, to, intact, again: false, ...(own && { own }) });
  }

  /** A device confirms a live message. */
  confirm(who = 'b/1', id = 'm1', from = 'a'): this {
    return this.packet(who, 'out', 'ack:R', { from, id });
  }

  /** The server tells a device a state, and that its application unless `told` is false. */
  tell(state: string, who = 'a/1', { id = 'm1', to = 'b', reason, at, told = true }: Telling = {}): this {
    this.packet(who, 'in', 'ack:N', { id, to, state, at: at ?? this.t, ...(reason && { reason }) });
    return told ? this.note(who, { is: 'told', id, to, state, opened: 1 }) : this;
  }

  /** A message that is delivered as it should be. */
  deliver(who = 'b/1', id = 'm1', tell = 'a/1'): this {
    return this.arrive(who, { id }).confirm(who, id).tell('delivered', tell, { id });
  }

  /** A fault of `ms` milliseconds that began now, and time goes on to its end. */
  fault(fault: string, ms: number): this {
    this.faults.push({ fault, began: this.t, healed: this.t + ms, target: '', what: '' });
    return this.pause(ms);
  }

  /** A back end hears of a message. */
  hear(type: string, fields: { id?: string; to?: string; reason?: string; event?: string } = {}): this {
    const { id = 'm1', to = 'b', reason, event = `${type} ${id}` } = fields;
    const message = { type: `message.${type}`, event, from: 'a', id, to, at: this.t, reason };
    return this.#hear(message as SeenEvent['event']);
  }

  /** A back end hears of a session of `a/1`. */
  hearSession(type: 'up' | 'down', event: string): this {
    return this.#hear({ type: `session.${type}`, event, user: 'a', device: '1', at: this.t });
  }

  /** What the checker finds, in words, each once. @param steady users who are connected all the time */
  violations(steady: readonly string[] = []): string[] {
    const { faults, undone, crashes, seen: events } = this;
    const facts = factsOf([this.history]);
    const leftovers = this.pause(STEP_MS).#leftovers();
    const evidence = { facts, faults, leftovers, undone, crashes, events, steady: new Set(steady) };
    const { violations } = check(evidence);
    return [...new Set(violations.map(({ guarantee, what }) => `${guarantee} ${what}`))];
  }

  #hear(event: SeenEvent['event']): this {
    (this.seen ??= []).push({ event, taken: true });
    return this;
  }

  #leftovers(): Leftovers {
    const { mailbox, held, receipts, sessions, copies, missedCounts: missed, server } = this;
    const devices = { copies, missed, receipts: this.deviceReceipts, untold: 0, stranded: server.stranded };
    return {
      ...{ lookedAt: this.t, mailbox, held, quota: QUOTA, receipts, devices, sessions },
      ...{ inFlight: 0, events: 0, dead: server.dead },
    };
  }
}

interface Telling {
  id?: string;
  to?: string;
  reason?: string;
  at?: number;
  told?: boolean;
}
