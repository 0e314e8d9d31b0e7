import type { GatewayConfig } from '../config.ts';
import type { Connection } from '../connection.ts';
import { countRefusal, type Refusal } from '../metrics.ts';
import { LoginRate } from './login-rate.ts';
import { KeyedCounter } from './keyed-counter.ts';

type Limits = Pick<
  GatewayConfig,
  'MAX_CONNECTIONS' | 'MAX_CONNECTIONS_PER_ADDRESS' | 'LOGINS_PER_ADDRESS_PER_MIN'
>;

/** Share of the connections that may have shown no good token yet: they cannot take every place. */
const UNAUTHENTICATED_SHARE = 0.5;

type Client = Pick<Connection, 'address'>;

/** Limits connections in total, without a valid token and per address, and logins per address. */
export class Admission {
  readonly #limits: Limits;
  readonly #clients = new Set<Client>();
  /** Clients that have shown no valid token yet. */
  readonly #unauthenticated = new Set<Client>();
  readonly #byAddress = new KeyedCounter();
  readonly #logins: LoginRate;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#logins = new LoginRate(limits.LOGINS_PER_ADDRESS_PER_MIN);
  }

  /** @returns false when a limit is reached */
  admit(client: Client): boolean {
    const reason = this.#excess(client);
    if (reason) countRefusal(reason);
    else {
      this.#clients.add(client);
      this.#unauthenticated.add(client);
      this.#byAddress.add(client.address);
    }
    return !reason;
  }

  /** The client showed a valid token. */
  authenticated(client: Client): void {
    this.#unauthenticated.delete(client);
  }

  /** The client is gone. Does nothing for a client that was refused. */
  release(client: Client): void {
    if (!this.#clients.delete(client)) return;
    this.#unauthenticated.delete(client);
    this.#byAddress.remove(client.address);
  }

  /** @returns false when the address has logged in too often lately */
  mayLogIn({ address }: Client): boolean {
    const may = this.#logins.take(address);
    if (!may) countRefusal('logins_per_address');
    return may;
  }

  #excess({ address }: Client): Refusal | undefined {
    const { MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS } = this.#limits;
    const maxUnauthenticated = Math.max(1, MAX_CONNECTIONS * UNAUTHENTICATED_SHARE);
    if (this.#clients.size >= MAX_CONNECTIONS) return 'connections';
    if (this.#unauthenticated.size >= maxUnauthenticated) return 'unauthenticated_connections';
    const limited = MAX_CONNECTIONS_PER_ADDRESS > 0;
    if (limited && this.#byAddress.of(address) >= MAX_CONNECTIONS_PER_ADDRESS)
      return 'connections_per_address';
    return undefined;
  }
}
