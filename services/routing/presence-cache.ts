import { LRUCache } from 'lru-cache';
import type { UserLocation } from '#libs/store/presence.ts';
import { presenceLookups } from './metrics.ts';

/** Most cached users, about 300 bytes each; the least recently used are evicted. */
export const MAX_USERS = 50_000;
/** Resolution of the cache's clock, milliseconds. */
const CLOCK_MS = 100;

/** Looks users up in the database; absent users are not in the result. */
export type LookUp = (users: Iterable<string>) => Promise<Map<string, UserLocation>>;

/**
 * Caches the locations of users. All changes of a user's sessions come through the user's partition, to the one
 * active instance, which invalidates its entry: a new login is never missed. A cached session may have ended;
 * messages to it are returned, or taken over by heirs, and stored, as for every ended session. An entry never
 * outlives its gateways' leases. If another instance becomes active unnoticed (broker nodes lose each other), an
 * entry is outdated for at most `keepMs`.
 *
 * Absent users are never cached: storing for them takes the database anyway.
 */
export class PresenceCache {
  readonly #lookUp: LookUp;
  readonly #keepMs: number;
  readonly #known: LRUCache<string, UserLocation>;
  #generation = 0;

  /** @param keepMs longest life of an entry, milliseconds; 0: no cache */
  constructor(lookUp: LookUp, keepMs: number) {
    this.#lookUp = lookUp;
    this.#keepMs = keepMs;
    const perf = { now: () => performance.now() };
    this.#known = new LRUCache({ max: MAX_USERS, ttlResolution: CLOCK_MS, perf });
  }

  /**
   * Increases each time the cache is cleared. A batch notes it at its start: a batch of an earlier generation neither
   * reads nor fills the cache, since another instance may own its users by now.
   */
  get generation(): number {
    return this.#generation;
  }

  /**
   * The sessions and synced devices of each of these users; those who have neither are not in the map.
   *
   * @param generation in which the work began that asks
   */
  async find(users: Iterable<string>, generation = this.#generation): Promise<Map<string, UserLocation>> {
    const found = new Map<string, UserLocation>();
    const unknown = new Set<string>();
    for (const user of new Set(users)) {
      const where = generation === this.#generation ? this.#known.get(user) : undefined;
      if (where) found.set(user, where);
      else unknown.add(user);
    }
    presenceLookups.inc({ answered: 'cache' }, found.size);
    if (unknown.size === 0) return found;
    presenceLookups.inc({ answered: 'database' }, unknown.size);
    for (const [user, location] of await this.#lookUp(unknown)) {
      found.set(user, location);
      const ttl = Math.min(location.validMs, this.#keepMs);
      if (ttl > 0 && location.sessions.length > 0 && generation === this.#generation)
        this.#known.set(user, location, { ttl });
    }
    return found;
  }

  /** The user's sessions change. */
  forget(user: string): void {
    this.#known.delete(user);
  }

  /** Clears the cache: partitions may move to another instance, or a gateway is gone. */
  readonly forgetAll = (): void => {
    this.#generation++;
    this.#known.clear();
  };
}
