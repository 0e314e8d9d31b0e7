/** How many of the newest entries a {@link RecentMap} remembers at least; at most twice as many. */
const REMEMBERED = 10_000;

/** A map that forgets old entries, a whole generation at a time: taking the oldest out of a Map gets slow. */
export class RecentMap<V> {
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  set(key: string, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size < REMEMBERED) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  get(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Oldest first. */
  values(): V[] {
    return [...this.#old.values(), ...this.#young.values()];
  }
}
