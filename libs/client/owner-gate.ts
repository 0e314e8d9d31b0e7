import { claimOf } from './connection/claims.ts';
import type { Context } from './context.ts';
import type { Inbox } from './incoming/inbox.ts';
import type { Outbox } from './outgoing/outbox.ts';
import type { Stored, StoredIncoming } from './storage.ts';
import { Alarm } from './timing/clock.ts';

/**
 * How long messages stay in memory only while it is not known whether the storage belongs to this user, milliseconds.
 * Then the client takes the storage's owner to be the user: a program that starts without a network must not lose
 * messages. If the login proves otherwise, they are taken out again.
 */
const OWNER_TIMEOUT_MS = 2_000;

/**
 * Lets messages into and out of the storage only as far as it belongs to this client's user: what one user left in it
 * must not be sent in another user's name, nor be shown to another.
 */
export class OwnerGate {
  readonly #context: Context;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #timeout: Alarm;
  #loaded = false;
  /** The user that the storage was made for. */
  #recorded: string | undefined;
  /** The user that the token names, as far as it can be read here. */
  #subject: string | undefined;
  /** The server has confirmed the user. */
  #confirmed = false;
  /** Messages that the last run did not deliver. */
  #unread: readonly StoredIncoming[] | undefined;

  constructor(context: Context, outbox: Outbox, inbox: Inbox) {
    this.#context = context;
    this.#outbox = outbox;
    this.#inbox = inbox;
    this.#timeout = new Alarm(context.clock, () => outbox.release(false));
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** @returns false when the storage belongs to another user than the application's */
  load({ owner, outbox, inbox }: Stored): boolean {
    this.#recorded = owner;
    this.#loaded = this.#isOwner(this.#context.user);
    if (this.#loaded) {
      this.#unread = inbox;
      this.#outbox.load(outbox);
      this.#changed();
    }
    return this.#loaded;
  }

  /** A token came, which the server has not seen yet. */
  tokenReceived(token: string): void {
    const subject = claimOf(token, 'sub');
    if (typeof subject === 'string' && subject !== this.#subject) {
      this.#subject = subject;
      this.#confirmed = false;
    }
    if (this.#loaded) this.#changed();
  }

  /** The server names the user. @returns false when the storage belongs to another */
  confirm(user: string): boolean {
    this.#confirmed = user === (this.#recorded ?? this.#context.user ?? user);
    if (this.#confirmed) this.#subject = user;
    return this.#confirmed;
  }

  /** There is a session of the confirmed user. */
  online(): void {
    this.record();
    this.#changed();
  }

  /** Records the owner with the first write, once the user is known. */
  record(): void {
    const user = this.#user;
    if (this.#recorded !== undefined || user === undefined || !this.#matches) return;
    this.#recorded = user;
    this.#context.writes.write([{ do: 'owner.set', user }], 'strict');
  }

  /** The client cannot go on: it does not keep messages that may not belong to the storage. */
  halt(reason: string): void {
    this.#timeout.clear();
    this.#confirmed = false;
    this.#outbox.disown(reason);
  }

  /** The client ends: writes the messages in memory, unless they do not belong to the storage. */
  stop(): void {
    this.#timeout.clear();
    if (this.#loaded && this.#matches !== false) this.#outbox.release(false);
    else this.#outbox.disown(this.#loaded ? 'owner' : 'storage');
  }

  /** Does the storage belong to this client's user? Undefined while that is not known. */
  get #matches(): boolean | undefined {
    if (this.#confirmed) return true;
    return this.#user === undefined ? undefined : this.#isOwner(this.#user);
  }

  get #user(): string | undefined {
    return this.#context.user ?? this.#subject;
  }

  #isOwner(user: string | undefined): boolean {
    return this.#recorded === undefined || user === undefined || this.#recorded === user;
  }

  #changed(): void {
    const matches = this.#matches;
    if (matches !== false && this.#unread) {
      this.#inbox.load(this.#unread);
      this.#unread = undefined;
    }
    if (matches === undefined) {
      if (this.#timeout.at === undefined) this.#timeout.in(OWNER_TIMEOUT_MS);
      return;
    }
    this.#timeout.clear();
    if (matches) this.#outbox.release(true);
    else this.#outbox.hold();
  }
}
