import { claimOf } from '../connection/claims.ts';
import type { Context } from '../context.ts';

/**
 * Checks that the storage belongs to this client's user. Messages that one user left in it must not be sent in another
 * user's name, nor be shown to another.
 */
export class OwnerCheck {
  readonly #context: Context;
  /** The user that the storage was made for. */
  #recorded: string | undefined;
  /** The user that the token names, as far as it can be read here. */
  #subject: string | undefined;
  /** The server has confirmed the user. */
  #confirmed = false;

  constructor(context: Context) {
    this.#context = context;
  }

  /** @returns false when the storage belongs to another user than the application's */
  load(recorded: string | undefined): boolean {
    this.#recorded = recorded;
    return this.#isOwner(this.#context.user);
  }

  /** A token came, which the server has not seen yet. */
  tokenReceived(token: unknown): void {
    const subject = claimOf(token, 'sub');
    if (typeof subject !== 'string' || subject === this.#subject) return;
    this.#subject = subject;
    this.#confirmed = false;
  }

  /** The server names the user. @returns false when the storage belongs to another */
  confirm(user: string): boolean {
    this.#confirmed = user === (this.#recorded ?? this.#context.user ?? user);
    if (this.#confirmed) this.#subject = user;
    return this.#confirmed;
  }

  /** Nothing is confirmed any more. */
  reset(): void {
    this.#confirmed = false;
  }

  /** Does the storage belong to this client's user? Undefined while that is not known. */
  get matches(): boolean | undefined {
    if (this.#confirmed) return true;
    return this.#user === undefined ? undefined : this.#isOwner(this.#user);
  }

  /** Records the owner with the first write, once the user is known. */
  record(): void {
    const user = this.#user;
    if (this.#recorded !== undefined || user === undefined || !this.matches) return;
    this.#recorded = user;
    this.#context.writes.write([{ do: 'owner.set', user }], 'strict');
  }

  get #user(): string | undefined {
    return this.#context.user ?? this.#subject;
  }

  #isOwner(user: string | undefined): boolean {
    return this.#recorded === undefined || user === undefined || this.#recorded === user;
  }
}
