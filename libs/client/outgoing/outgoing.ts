import { Emitter, type Unsubscribe } from '../emitter.ts';
import { SendError } from '../errors.ts';
import { nextState, prospect, type OutgoingEvent, type OutgoingState } from './outgoing-state.ts';
import type { Waiters } from './waiters.ts';

/** An outgoing message and its state. */
export interface OutgoingMessage {
  /** Unique among the messages of this user. */
  readonly id: string;
  /** The user that it is for. */
  readonly to: string;
  /** The application's own counter, where it gave one. */
  readonly seq: number | undefined;
  /** Its state as far as the client knows. */
  readonly state: OutgoingState;
  /** Why it is `failed` or `rejected`. */
  readonly reason: string | undefined;
  /** The server's time of its first msg:A seen here; receivers sort by it. */
  readonly at: number | undefined;
  /** The server's time of the last receipt. */
  readonly receiptAt: number | undefined;
  /** Called at every change of `state`. */
  onState(listener: (message: OutgoingMessage) => void): Unsubscribe;
  /**
   * Resolves once the server is responsible for it (`sent` or further). This promise and the next two end in any case:
   * once the client is closed, by the caller or for a reason of its own, they reject with `closed` unless the answer is
   * known. The message itself may still go out: in the next run, or after reconnect().
   *
   * @throws SendError when it failed @throws ClientError `closed`
   */
  accepted(): Promise<OutgoingState>;
  /** Resolves once it is in `state` or further. @throws SendError when it failed, or was rejected before that */
  reached(state: 'sent' | 'stored' | 'delivered'): Promise<OutgoingState>;
  /** Resolves once its state is final (`delivered` or `rejected`). @throws SendError when it failed */
  settled(): Promise<OutgoingState>;
  /** Gives up. Only a message that is still `sending` can be given up. @returns whether it is `failed` now */
  cancel(): boolean;
  /** Sends a `failed` message again under the same id. @returns whether it is `sending` again */
  retry(): boolean;
}

/** What a message needs of the outbox. */
export interface OutgoingActions {
  giveUp(message: Outgoing, reason: string): void;
  retry(message: Outgoing): void;
  changed(message: Outgoing): void;
  listenerThrew(error: unknown): void;
  readonly waiters: Waiters;
}

export interface OutgoingFields {
  readonly id: string;
  readonly to: string;
  readonly bodyText: string;
  readonly seq?: number | undefined;
  readonly deadlineMs?: number | undefined;
}

type Wanted = Parameters<typeof prospect>[1];

/** The library's side of {@link OutgoingMessage}: the outbox applies events to it. */
export class Outgoing implements OutgoingMessage {
  readonly id: string;
  readonly to: string;
  readonly seq: number | undefined;
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

  reached(state: 'sent' | 'stored' | 'delivered'): Promise<OutgoingState> {
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

  /**
   * Applies an event (see {@link nextState}).
   *
   * @param at the server's time of it
   * @returns whether the state changed
   */
  apply(event: OutgoingEvent, { at, reason }: { at?: number; reason?: string | undefined } = {}): boolean {
    if (event === 'accepted') this.at ??= at;
    const state = nextState(this.state, event);
    if (state === this.state) return false;
    if (event !== 'accepted' && at !== undefined) this.receiptAt = at;
    this.state = state;
    this.reason = reason;
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
