import { Emitter, type Unsubscribe } from '../emitter.ts';
import { SendError } from '../errors.ts';
import type { StoredReceipt } from '../storage.ts';
import type { OutgoingMessage, ReceiverState } from './outgoing-message.ts';
import {
  byProgress,
  isTold,
  nextState,
  type OutgoingEvent,
  type OutgoingState,
  prospect,
} from './outgoing-state.ts';
import type { Waiters } from './waiters.ts';

/** What a message needs of the outbox. */
export interface OutgoingActions {
  giveUp(message: Outgoing, reason: string): void;
  retry(message: Outgoing): void;
  changed(message: Outgoing): void;
  listenerThrew(error: unknown): void;
  readonly waiters: Waiters;
}

/** What the outbox needs of the client. */
export interface OutboxPorts extends Pick<OutgoingActions, 'changed' | 'listenerThrew'> {
  /** Called before an entry is written. */
  readonly writing: () => void;
}

export interface OutgoingFields {
  readonly id: string;
  readonly to: string | readonly string[];
  readonly bodyText: string;
  readonly seq?: number | undefined;
  readonly thread?: string | undefined;
  readonly ttl?: number | undefined;
  readonly read?: true | undefined;
  readonly deadlineMs?: number | undefined;
}

/** What an event says. */
interface Details {
  /** The receiver that it is about; default: all. */
  readonly to?: string;
  /** The server's time of it. */
  readonly at?: number;
  readonly reason?: string | undefined;
  /** The receivers that the reason is about; default: all. */
  readonly refused?: readonly string[] | undefined;
}

type Wanted = Parameters<typeof prospect>[1];
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The library's side of {@link OutgoingMessage}: the outbox applies events to it. */
export class Outgoing implements OutgoingMessage {
  readonly id: string;
  readonly to: string | readonly string[];
  readonly seq: number | undefined;
  readonly thread: string | undefined;
  readonly ttl: number | undefined;
  readonly read: true | undefined;
  readonly receivers: readonly Writable<ReceiverState>[];
  /** The body as JSON; empty once it need not be sent again. */
  bodyText: string;
  /** How long the caller waits for msg:A, milliseconds. */
  readonly deadlineMs: number | undefined;
  /** When that is over, milliseconds since the epoch. */
  deadlineAt: number | undefined;
  readonly #actions: OutgoingActions;
  state: OutgoingState = 'sending';
  reason: string | undefined;
  at: number | undefined;
  receiptAt: number | undefined;
  #listeners: Emitter<OutgoingMessage> | undefined;

  constructor(fields: OutgoingFields, actions: OutgoingActions) {
    this.id = fields.id;
    this.to = fields.to;
    this.seq = fields.seq;
    this.thread = fields.thread;
    this.ttl = fields.ttl;
    this.read = fields.read;
    this.receivers = [fields.to].flat().map((to: string) => ({ to, state: 'sending' }));
    this.bodyText = fields.bodyText;
    this.deadlineMs = fields.deadlineMs;
    this.#actions = actions;
  }

  onState(listener: (message: OutgoingMessage) => void): Unsubscribe {
    this.#listeners ??= new Emitter((error) => this.#actions.listenerThrew(error));
    return this.#listeners.on(listener);
  }

  accepted(): Promise<OutgoingState> {
    return this.#until('sent');
  }

  reached(state: 'sent' | 'stored' | 'delivered' | 'read'): Promise<OutgoingState> {
    return this.#until(state);
  }

  settled(): Promise<OutgoingState> {
    return this.#until('settled');
  }

  cancel(): boolean {
    if (this.state === 'sending') this.#actions.giveUp(this, 'cancelled');
    return this.#hasFailed();
  }

  retry(): boolean {
    if (this.state !== 'failed') return false;
    this.#actions.retry(this);
    return !this.#hasFailed();
  }

  /** The receivers that have no ack:N yet. */
  get missing(): string[] {
    return this.receivers.filter(({ state }) => !isTold(state)).map(({ to }) => to);
  }

  /** The receipts that came, while others have not come. */
  get receipts(): StoredReceipt[] {
    return this.receivers
      .filter(({ state }) => isTold(state))
      .map(({ to, state, receiptAt: at = 0, reason }) => ({
        ...{ to, state: state as StoredReceipt['state'], at, reason },
      }));
  }

  /** Applies an event (see {@link nextState}). @returns whether the state of a receiver changed */
  apply(event: OutgoingEvent, { to, at, reason, refused }: Details = {}): boolean {
    if (event === 'accepted') this.at ??= at;
    let changed = false;
    for (const receiver of this.receivers) {
      const state = nextState(receiver.state, event);
      if ((to !== undefined && to !== receiver.to) || state === receiver.state) continue;
      changed = true;
      receiver.state = state;
      receiver.reason = refused?.includes(receiver.to) === false ? undefined : reason;
      if (event !== 'accepted' && at !== undefined) this.receiptAt = receiver.receiptAt = at;
    }
    if (!changed) return false;
    const [least] = [...this.receivers].sort((a, b) => byProgress(a.state, b.state));
    this.state = least?.state ?? this.state;
    this.reason = event === 'given up' ? reason : least?.reason;
    this.#listeners?.emit(this);
    this.#actions.changed(this);
    return true;
  }

  /** A method, because the state changes behind the compiler's back. */
  #hasFailed(): boolean {
    return this.state === 'failed';
  }

  #until(wanted: Wanted): Promise<OutgoingState> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        const outlook = prospect(this.state, wanted);
        if (outlook === 'there') resolve(this.state);
        if (outlook === 'never') reject(new SendError(this.id, this.state, this.reason ?? 'unknown'));
        return outlook !== 'maybe';
      };
      if (look()) return;
      const unsubscribe = this.onState(() => {
        if (!look()) return;
        unsubscribe();
        forget();
      });
      const forget = this.#actions.waiters.add((error) => {
        unsubscribe();
        reject(error);
      });
    });
  }
}

type Receivers = OutgoingFields['to'];

/** The same receivers: no user id holds a comma. */
export const isSame = (a: Receivers, b: Receivers): boolean => String(a) === String(b);
