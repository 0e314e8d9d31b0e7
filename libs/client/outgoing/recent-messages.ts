import { RecentMap } from '../recent-map.ts';
import type { Outgoing } from './outgoing.ts';
import { isSettled } from './outgoing-state.ts';

/**
 * Messages that the outbox has let go of and that news may still come for: `stored` ones wait for their second
 * receipt, `failed` ones may prove to have been accepted, and of settled ones a repeated receipt is no news.
 */
export class RecentMessages {
  readonly #open = new RecentMap<Outgoing>();
  readonly #settled = new RecentMap<Outgoing>();

  add(message: Outgoing): void {
    const settled = isSettled(message.state);
    if (settled) this.#open.delete(message.id);
    (settled ? this.#settled : this.#open).set(message.id, message);
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
