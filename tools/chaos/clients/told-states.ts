import type { OutgoingMessage } from '#libs/client/index.ts';

/** What the application was told of a message to one receiver. */
export interface Told {
  id: string;
  to: string;
  state: string;
  reason?: string;
  late?: true;
}

/** States that say what became of a message. */
const TELLING = ['stored', 'delivered', 'read', 'rejected'];

/** What the application of one client knows of its messages, so that it sees what changes. */
export class ToldStates {
  readonly #own = new Set<string>();
  /** By message and receiver. */
  readonly #states = new Map<string, string>();

  /** This client sends it. */
  sent(id: string): void {
    this.#own.add(id);
  }

  /** What changed since the last time. */
  newsOf({ id, receivers }: OutgoingMessage): Told[] {
    return receivers.flatMap(({ to, state, reason }): Told[] => {
      const name = `${id} ${to}`;
      if (!TELLING.includes(state) || this.#states.get(name) === state) return [];
      this.#states.set(name, state);
      return [
        {
          ...{ id, to, state },
          ...(reason !== undefined && { reason }),
          ...(!this.#own.has(id) && { late: true }),
        },
      ];
    });
  }
}
