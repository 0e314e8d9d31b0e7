import type { Checked } from '#libs/broker/entries.ts';
import type { Session } from './session.ts';

interface Announced extends Pick<Session, 'user' | 'registered' | 'announcedAt' | 'aloneAt'> {
  readonly id: string;
}

/** Most sessions that one renewal of the lease compares: bounds its entry to about 200 KiB. */
export const MAX_CHECKED = 2_000;

/**
 * Compares the sessions of this gateway with presence, a part with each renewal of the lease. Routing names the sessions
 * that presence lacks, and the gateway announces them again. So no logged-in session stays unreachable. Routing also names
 * those that are not their users' only ones, should the gateway have missed it.
 */
export class SessionCheck {
  readonly #sessions: ReadonlyMap<string, Announced>;
  readonly #restMs: number;
  #round: Iterator<Announced, undefined> | undefined;

  /** @param restMs a session that was announced more recently is left out: routing may not have dealt with it yet */
  constructor(sessions: ReadonlyMap<string, Announced>, restMs: number) {
    this.#sessions = sessions;
    this.#restMs = restMs;
  }

  /** The next part of the round; a round ends with the last session, and the next call begins another one. */
  next(now = performance.now()): Checked[] {
    const part: Checked[] = [];
    this.#round ??= this.#sessions.values();
    while (part.length < MAX_CHECKED) {
      const { value: session } = this.#round.next();
      if (!session) {
        this.#round = undefined;
        break;
      }
      const { user, id, registered, announcedAt, aloneAt } = session;
      if (registered && now - announcedAt >= this.#restMs)
        part.push({ user, session: id, ...(aloneAt !== undefined && { alone: true }) });
    }
    return part;
  }
}
