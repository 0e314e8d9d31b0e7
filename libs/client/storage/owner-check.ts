import { subjectOf } from '../connection/claims.ts';

/**
 * Whose storage it is, and whether this client acts for the same user. What one user left in it must not go out in
 * another's name, nor be shown to another.
 */
export class OwnerCheck {
  /** The user that the storage was made for. */
  #recorded: string | undefined;
  /** The user that the application says this client acts for. */
  readonly #user: string | undefined;
  /** The user that the token is for, as far as it can be read here. */
  #subject: string | undefined;
  /** The server has confirmed the user. */
  #confirmed = false;

  constructor({ user }: { user: string | undefined }) {
    this.#user = user;
  }

  /** @returns false when the storage belongs to another than the application's user */
  load(recorded: string | undefined): boolean {
    this.#recorded = recorded;
    return recorded === undefined || this.#user === undefined || recorded === this.#user;
  }

  /** A token came, which the server has not seen yet. */
  claim(token: unknown): void {
    const subject = subjectOf(token);
    if (subject === undefined || subject === this.#subject) return;
    this.#subject = subject;
    this.#confirmed = false;
  }

  /** The server says who the user is. @returns false when the storage belongs to another */
  confirm(user: string): boolean {
    this.#confirmed = user === (this.#recorded ?? this.#user ?? user);
    if (this.#confirmed) this.#subject = user;
    return this.#confirmed;
  }

  /** Nothing is confirmed any more. */
  doubt(): void {
    this.#confirmed = false;
  }

  /** Does the storage belong to this client's user? Undefined while that is not known. */
  get fits(): boolean | undefined {
    const user = this.#user ?? this.#subject;
    if (this.#confirmed) return true;
    if (user === undefined) return undefined;
    return this.#recorded === undefined || this.#recorded === user;
  }

  /** The user to be recorded as the owner with the first thing that is written; undefined when one is, or none is known. */
  toRecord(): string | undefined {
    if (this.#recorded !== undefined || this.fits !== true) return undefined;
    this.#recorded = this.#user ?? this.#subject;
    return this.#recorded;
  }
}
