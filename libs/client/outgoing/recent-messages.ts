import type { Outgoing } from './outgoing.ts';
import { isSettled } from './outgoing-state.ts';

/** How many of the newest messages of each kind are remembered at least; at most twice as many. */
const REMEMBERED = 10_000;

/** The newest messages, by id. Forgets a whole generation at a time: taking the oldest out of a Map gets slow. */
class RecentMap {
  #young = new Map<string, Outgoing>();
  #old = new Map<string, Outgoing>();

  set(message: Outgoing): void {
    this.#old.delete(message.id);
    this.#young.set(message.id, message);
    if (this.#young.size < REMEMBERED) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  get(id: string): Outgoing | undefined {
    return this.#young.get(id) ?? this.#old.get(id);
  }

  delete(id: string): void {
    this.#young.delete(id);
    this.#old.delete(id);
  }

  /** Oldest first. */
  values(): Outgoing[] {
    return [...this.#old.values(), ...this.#young.values()];
  }
}

/**
 * Messages that the outbox has let go of and that news may still come for: `stored` ones wait for their second
 * receipt, `failed` ones may prove to have been accepted, and of settled ones a repeated receipt is no news.
 */
export class RecentMessages {
  readonly #open = new RecentMap();
  readonly #settled = new RecentMap();

  add(message: Outgoing): void {
    const settled = isSettled(message.state);
    if (settled) this.#open.delete(message.id);
    (settled ? this.#settled : this.#open).set(message);
  }

  get(id: string): Outgoing | undefined {
    return this.#open.get(id) ?? this.#settled.get(id);
  }

  delete(id: string): void {
    this.#open.delete(id);
    this.#settled.delete(id);
  }

  /** Those whose last word has not been spoken, oldest first. */
  open(): Outgoing[] {
    return this.#open.values();
  }
}
