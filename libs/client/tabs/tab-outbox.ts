import { demand } from '../client-packets.ts';
import { isSame, Outgoing, type OutgoingActions, type OutgoingFields } from '../outgoing/outgoing.ts';
import type { OutgoingEvent, OutgoingState } from '../outgoing/outgoing-state.ts';
import { RecentMessages } from '../outgoing/recent-messages.ts';
import { Waiters } from '../outgoing/waiters.ts';
import type { Receipt } from '../outgoing/receipt.ts';
import type { Request, Snapshot } from './wire.ts';

const EVENTS: Record<OutgoingState, OutgoingEvent> = {
  ...{ sending: 'retried', failed: 'given up', sent: 'accepted' },
  ...{ stored: 'stored', delivered: 'delivered', read: 'read', rejected: 'rejected' },
};

/** The messages of all tabs, as one tab knows them. Those that it sent itself are asked for until the server has them. */
export class TabOutbox implements OutgoingActions {
  readonly waiters = new Waiters();
  readonly changed: OutgoingActions['changed'];
  readonly listenerThrew: OutgoingActions['listenerThrew'];
  readonly #ask: (request: Request) => void;
  /** `sending` and `sent`. */
  readonly #open = new Map<string, Outgoing>();
  readonly #recent = new RecentMessages();
  /** What this tab sent, and the server has not accepted. */
  readonly #own = new Map<string, OutgoingFields>();

  constructor(
    ask: (request: Request) => void,
    { changed, listenerThrew }: Pick<OutgoingActions, 'changed' | 'listenerThrew'>,
  ) {
    this.#ask = ask;
    this.changed = changed;
    this.listenerThrew = listenerThrew;
  }

  /** Messages without a final state. */
  list(): Outgoing[] {
    const followed = this.#recent.open().filter(({ state }) => state !== 'failed');
    return [...followed, ...this.#open.values()];
  }

  add(fields: OutgoingFields): Outgoing {
    const known = this.#find(fields.id);
    if (known) {
      const same = isSame(known.to, fields.to) && ['', fields.bodyText].includes(known.bodyText);
      demand(same, `another message has the id ${fields.id}`);
      known.retry();
      return known;
    }
    const message = new Outgoing(fields, this);
    this.#open.set(message.id, message);
    this.#own.set(message.id, fields);
    this.#ask({ do: 'send', fields });
    return message;
  }

  /** Resolves when the server has accepted what this tab sent. */
  accepted(): Promise<unknown> {
    return Promise.allSettled([...this.#own.keys()].flatMap((id) => this.#find(id)?.accepted() ?? []));
  }

  /** There is a new leader: it may not know what this tab sent. */
  repeat(): void {
    for (const fields of this.#own.values()) this.#ask({ do: 'send', fields });
  }

  /** The leader tells the state of a message. */
  take(snapshot: Snapshot): void {
    const { id, at, receivers } = snapshot;
    const message = this.#find(id) ?? new Outgoing({ ...snapshot, bodyText: '' }, this);
    this.#place(message);
    if (at !== undefined) message.apply('accepted', { at });
    for (const { to, state, reason, receiptAt } of receivers)
      message.apply(EVENTS[state], { to, reason, ...(receiptAt !== undefined && { at: receiptAt }) });
    this.#place(message);
  }

  refused(id: string, reason: string): void {
    const message = this.#find(id);
    message?.apply('given up', { reason });
    if (message) this.#place(message);
  }

  /** @returns whether this tab knows the message */
  receipt({ id, to, state, at, reason }: Receipt): boolean {
    const message = this.#find(id);
    if (!message?.receivers.some((receiver) => receiver.to === to)) return false;
    message.apply(state, { to, at, reason });
    this.#place(message);
    return true;
  }

  giveUp({ id }: Outgoing): void {
    this.#ask({ do: 'cancel', id });
  }

  retry({ id }: Outgoing): void {
    this.#ask({ do: 'retry', id });
  }

  #find(id: string): Outgoing | undefined {
    return this.#open.get(id) ?? this.#recent.get(id);
  }

  #place(message: Outgoing): void {
    const { id, state } = message;
    if (state !== 'sending') this.#own.delete(id);
    if (state === 'sending' || state === 'sent') {
      this.#recent.delete(id);
      this.#open.set(id, message);
    } else {
      this.#open.delete(id);
      this.#recent.add(message);
    }
  }
}
