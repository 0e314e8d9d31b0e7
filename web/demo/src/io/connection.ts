import { type Client, connect, type OutgoingMessage, throttle } from '@sixfold/client';
import type { Fate, State } from '../model/entries.ts';
import { keyOf, mailboxEntries, type Packet, readPacket } from '../model/wire.ts';
import { decide } from '../model/faults.ts';
import type { Gateway, Happening, Link, Person } from '../model/world.ts';
import { faultySocket } from './faulty-socket.ts';
import { openStorage } from './storage.ts';
import { tokenFor } from './tokens.ts';

/** How a person's connection sees and changes the world. */
export interface Surroundings {
  readonly gateways: readonly Gateway[];
  readonly person: (who: string) => Person | undefined;
  /** Two devices of one user on this page need a mailbox each. */
  readonly isSynced: () => boolean;
  readonly tell: (event: Happening) => void;
}

const TYPING_EVERY_MS = 2_000;
const TYPING_SHOWN_MS = 3_500;

/** The client of one person: a real one, with a WebSocket of its own. */
export class Connection {
  readonly #who: string;
  readonly #around: Surroundings;
  readonly #client: Client;
  readonly #cuts = new Set<() => void>();
  /** Messages behind the keys of the mailbox. */
  readonly #mailbox = new Map<string, string>();
  readonly typing: () => void;

  constructor({ who, user, device, gateway }: Person, around: Surroundings) {
    this.#who = who;
    this.#around = around;
    const { url } = around.gateways.find(({ name }) => name === gateway) ?? around.gateways[0] ?? { url: '' };
    this.#client = connect({
      ...{ url, user, device, sync: around.isSynced() },
      token: () => tokenFor(user),
      storage: openStorage(`${user}@${device}`),
      WebSocket: this.#socket(user),
      // A page that shows failures waits less for them.
      tuning: { retransmit: { baseMs: 3_000, maxMs: 15_000 }, reconnect: { baseMs: 400, maxMs: 5_000 } },
    });
    this.typing = throttle(TYPING_EVERY_MS, () => {
      const to = this.#person?.to ?? [];
      if (to.length > 0) this.#client.signal(to, 'typing');
    });
    this.#listen(user);
  }

  get #person(): Person | undefined {
    return this.#around.person(this.#who);
  }

  /** @returns the id of the message */
  send(to: readonly string[], text: string, id?: string): string {
    const [only = '', ...more] = to;
    const options = { read: true, ...(id !== undefined && { id }) };
    return this.#client.send(more.length === 0 ? only : to, { text }, options).id;
  }

  markRead(messages: readonly { from: string; id: string; read?: string | undefined }[]): void {
    this.#client.markRead(
      ...messages.flatMap(({ from, id, read }) => (read === undefined ? [] : { from, id, read })),
    );
  }

  /** The network is gone: all sockets end at once. */
  cut(): void {
    for (const cut of [...this.#cuts]) cut();
  }

  /** The network is back. */
  reconnect(): void {
    this.#client.reconnect();
  }

  close(): Promise<void> {
    return this.#client.close({ flushMs: 0 });
  }

  /** The person leaves the page. The server forgets a synced device, with its mailbox. */
  end(isSynced: boolean): Promise<void> {
    return isSynced ? this.#client.signOut() : this.close();
  }

  #listen(user: string): void {
    const { tell } = this.#around;
    const who = this.#who;
    this.#client.onError(({ code, message }) => console.info(`${user}: ${code}: ${message}`));
    this.#client.onStatus((status) => {
      const reason = 'reason' in status ? status.reason : undefined;
      tell({ type: 'linked', who, link: { state: status.state, reason } satisfies Link, at: Date.now() });
      if (status.state === 'online') this.#sendMissing();
    });
    this.#client.onOutgoing((message) => this.#advanced(user, message));
    this.#client.onReceipt(({ id, to, state, reason }) => {
      tell({ type: 'advanced', who, key: keyOf(user, id), fates: [{ to, state, reason }] });
    });
    this.#client.onSignal(({ from }) => {
      tell({ type: 'typing', who, from, until: Date.now() + TYPING_SHOWN_MS });
    });
    this.#client.onMessage(({ from, id, body, at, read, own, to }) => {
      const text = textOf(body);
      const fates = own && [to ?? []].flat().map((each): Fate => ({ to: each, state: 'accepted' }));
      tell({ type: 'received', who, entry: { key: keyOf(from, id), from, id, text, at, read, fates } });
    });
  }

  /**
   * The history is written at once, the client's outbox a moment later. A reload in between leaves a message that only the
   * history knows: it is sent again, under its id.
   */
  #sendMissing(): void {
    const kept = new Set(this.#client.outbox().map(({ id }) => id));
    for (const { id, text, mine = false, fates = [] } of this.#person?.entries ?? []) {
      const to = fates.flatMap((fate) => (fate.state === 'queued' ? [fate.to] : []));
      if (mine && to.length > 0 && !kept.has(id)) this.send(to, text, id);
    }
  }

  #advanced(user: string, { id, receivers }: OutgoingMessage): void {
    const fates = receivers.flatMap(({ to, state, reason }): Fate[] =>
      state === 'sending' ? [] : [{ to, state: STATES[state], reason }],
    );
    this.#around.tell({ type: 'advanced', who: this.#who, key: keyOf(user, id), fates });
  }

  #socket(user: string) {
    return faultySocket({
      offline: () => this.#person?.faults.offline === true,
      delayMs: () => this.#person?.faults.delayMs ?? 0,
      register: (cut) => {
        this.#cuts.add(cut);
        return () => this.#cuts.delete(cut);
      },
      passes: (direction, packet, url) => this.#passes(user, direction, packet, url),
    });
  }

  #passes(user: string, direction: 'in' | 'out', packet: Packet, url: string): boolean {
    const person = this.#person;
    if (!person) return true;
    if (packet.type === 'offline:N')
      for (const { key, message } of mailboxEntries(packet, user)) this.#mailbox.set(key, message);
    const { fate, faults } = decide(person.faults, direction, packet.type);
    const { tell } = this.#around;
    if (faults !== person.faults) tell({ type: 'changed', who: this.#who, change: { faults } });
    const gateway = this.#around.gateways.find((each) => each.url === url)?.name ?? person.gateway;
    const read = readPacket(packet, user, this.#mailbox);
    tell({
      type: 'packet',
      packet: { ...read, at: Date.now(), who: this.#who, user, gateway, direction, fate },
    });
    return fate === 'passed';
  }
}

const STATES: Record<Exclude<OutgoingMessage['state'], 'sending'>, State> = {
  sent: 'accepted',
  stored: 'stored',
  delivered: 'delivered',
  read: 'read',
  rejected: 'rejected',
  failed: 'failed',
};

/** What this page sends, or anything else as JSON. */
function textOf(body: unknown): string {
  if (typeof body === 'string') return body;
  const { text } = (body ?? {}) as { text?: unknown };
  return typeof text === 'string' ? text : JSON.stringify(body);
}
