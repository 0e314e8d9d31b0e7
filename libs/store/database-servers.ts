import { connectionString, type DatabaseAddress } from './connection-string.ts';

/** Scheme and user; hosts, separated by commas; the rest. */
const PARTS = /^(\w+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/s;

/** What `target_session_attrs` may say (libpq has more): nothing else than a server that takes writes is of use. */
const WRITABLE = ['read-write', 'primary'];

/** Whether the address asks for what we need, or for nothing. */
export function wantsWrites(address: string): boolean {
  const wanted = new URLSearchParams(address.split('?').slice(1).join('?')).get('target_session_attrs');
  return wanted === null || WRITABLE.includes(wanted);
}

/**
 * The servers of DATABASE_URL (`postgres://user:password@one:5432,two:5432/name`): a primary and its standbys, in any
 * order. They are tried in turn, starting with the one that worked last.
 */
export class DatabaseServers {
  readonly #addresses: readonly string[];
  #turn = 0;

  constructor({ DATABASE_URL, DATABASE_CA }: DatabaseAddress) {
    const [, user = '', hosts = '', rest = ''] = PARTS.exec(DATABASE_URL) ?? [];
    this.#addresses = hosts
      .split(',')
      .map((host) => connectionString({ DATABASE_URL: `${user}${host}${rest}`, DATABASE_CA }));
  }

  get count(): number {
    return this.#addresses.length;
  }

  /** The one to try now, as pg takes it. */
  get current(): { address: string; turn: number } {
    const address = this.#addresses[this.#turn % this.count] ?? '';
    return { address, turn: this.#turn };
  }

  /** The server of this turn failed. Concurrent calls for the same turn have no further effect. */
  leave(turn: number): void {
    if (turn === this.#turn) this.#turn += 1;
  }
}
