import { LRUCache } from 'lru-cache';
import type { SessionLocation, UserLocation } from '#libs/store/presence.ts';
import { presenceLookups } from './metrics.ts';

/** Users that are remembered; those looked up longest ago are forgotten first. About 300 bytes each. */
export const MAX_USERS = 50_000;
/** The clock is read once in so many milliseconds, not for each user. */
const CLOCK_MS = 100;

/** Asks the database where users are; who is away is not in its answer. */
export type LookUp = (users: Iterable<string>) => Promise<Map<string, UserLocation>>;

/**
 * Where users are, as the database said a moment ago. All changes of a user's sessions come through the user's partition,
 * to the one instance that is active on it: to this one, which then forgets what it knew. So nobody who logged in is
 * overlooked. What it says may be outdated in one way only: a session may be over. What is sent there comes back, or
 * falls to the heirs, and goes to the mailbox, as for every session that ends with something on its way to it. Nor does
 * an answer outlive the leases that it was given under. Should another instance become active without this one hearing of
 * it, as when nodes of a broker lose each other, an answer is outdated for no longer than `keepMs`.
 *
 * Who is away is not remembered: to store for them takes the database anyhow.
 */
export class PresenceCache {
  readonly #lookUp: LookUp;
  readonly #keepMs: number;
  readonly #known: LRUCache<string, SessionLocation[]>;
  #generation = 0;

  /** @param keepMs how long an answer counts at most, milliseconds; 0: the database is asked every time */
  constructor(lookUp: LookUp, keepMs: number) {
    this.#lookUp = lookUp;
    this.#keepMs = keepMs;
    const perf = { now: () => performance.now() };
    this.#known = new LRUCache({ max: MAX_USERS, ttlResolution: CLOCK_MS, perf });
  }

  /**
   * Begins anew each time that everything is forgotten. A batch takes it down when it begins: a batch of an earlier era
   * neither reads the answers of this one nor adds to them, since its users may be another instance's by now.
   */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Where each of these users is; users who are away are not in the map.
   *
   * @param generation in which the work began that asks
   */
  async find(
    users: Iterable<string>,
    generation = this.#generation,
  ): Promise<Map<string, SessionLocation[]>> {
    const found = new Map<string, SessionLocation[]>();
    const unknown = new Set<string>();
    for (const user of new Set(users)) {
      const where = generation === this.#generation ? this.#known.get(user) : undefined;
      if (where) found.set(user, where);
      else unknown.add(user);
    }
    presenceLookups.inc({ answered: 'cache' }, found.size);
    if (unknown.size === 0) return found;
    presenceLookups.inc({ answered: 'database' }, unknown.size);
    for (const [user, { sessions, validMs }] of await this.#lookUp(unknown)) {
      found.set(user, sessions);
      const ttl = Math.min(validMs, this.#keepMs);
      if (ttl > 0 && generation === this.#generation) this.#known.set(user, sessions, { ttl });
    }
    return found;
  }

  /** The user's sessions change. */
  forget(user: string): void {
    this.#known.delete(user);
  }

  /** Changes may go to another instance from now on, or a gateway is gone with all its sessions. */
  readonly forgetAll = (): void => {
    this.#generation++;
    this.#known.clear();
  };
}
