import { countMailbox, findMessage, listAlive, listSessions } from '#libs/store/admin-queries.ts';
import type { Database } from '#libs/store/database.ts';
import { listDevices } from '#libs/store/devices.ts';
import { type CommandBroker, withBroker } from './broker.ts';
import type { AdminConfig } from './config.ts';
import { withDatabase } from './database.ts';
import { type Chosen, discard, look, requeue } from './dead/commands.ts';
import { removeDevice } from './devices.ts';
import { listPartitions } from './partitions.ts';
import { order, waitUntilErased, waitUntilRevoked } from './revoke.ts';
import { disconnect } from './sessions.ts';
import { askForSlow } from './slow.ts';

/**
 * All that an operator can do, for the program `admin` and for the console. Each call opens the connections that it needs,
 * and closes them. None of the answers has a body.
 *
 * @throws AdminError, from every method
 */
export class Operator {
  readonly #config: AdminConfig;

  constructor(config: AdminConfig) {
    this.#config = config;
  }

  /** Counts what waits for a user. */
  mailbox(user: string) {
    return this.#database((db) => countMailbox(db, user));
  }

  /** The sessions of a user, the oldest first. */
  sessions(user: string) {
    return this.#database((db) => listSessions(db, user, this.#config.GATEWAY_LEASE_MS));
  }

  /** The synced devices of a user. */
  devices(user: string) {
    return this.#database((db) => listDevices(db, user));
  }

  /** Where copies of a message wait, and receipts about it. @param to narrows it to one receiver, which is faster */
  message(from: string, id: string, to?: string) {
    return this.#database((db) => findMessage(db, { from, id, to }));
  }

  /** Ends the sessions of a user, and waits until they are gone. @param device only the one on this device */
  disconnect(user: string, device?: string) {
    const which = { user, device, leaseMs: this.#config.GATEWAY_LEASE_MS };
    return this.#both((db, broker) => disconnect(db, broker, which));
  }

  /** Has a synced device removed, with its mailbox. */
  removeDevice(user: string, device: string) {
    const which = { user, device, partitions: this.#config.ROUTE_PARTITIONS };
    return this.#both((db, broker) => removeDevice(db, broker, which));
  }

  /** Ends a user's sessions and refuses the tokens issued before now. @returns when, milliseconds since the epoch */
  async revoke(user: string): Promise<number> {
    const at = await this.#order('revoke', user);
    const leaseMs = this.#config.GATEWAY_LEASE_MS;
    await this.#database((db) => waitUntilRevoked(db, { user, at, leaseMs }));
    return at;
  }

  /** Revokes a user and deletes all data of the user. @returns when, milliseconds since the epoch */
  async erase(user: string): Promise<number> {
    const at = await this.#order('erase', user);
    await this.#database((db) => waitUntilErased(db, { user, at }));
    return at;
  }

  /** Asks the gateways for the sessions with most unsettled messages. */
  async slow({ most, waitMs }: { most: number; waitMs: number }) {
    const gateways = await this.#database((db) => listAlive(db, this.#config.GATEWAY_LEASE_MS));
    return this.#broker((broker) => askForSlow(broker, { gateways, most, waitMs }));
  }

  /** The route queues: what waits in each, and whether an instance of routing takes it. */
  partitions() {
    return this.#broker((broker) => listPartitions(broker, this.#config.ROUTE_PARTITIONS));
  }

  /** Lists `sixfold.dead`. @param most AMQP messages to look at */
  lookAtDead(most: number) {
    return this.#broker((broker) => look(broker, most));
  }

  /** Puts dead letters back into the queues they came from. */
  requeueDead(chosen: Chosen) {
    return this.#broker((broker) => requeue(broker, chosen));
  }

  /** Throws the named dead letters away. */
  discardDead(letters: readonly string[]) {
    return this.#broker((broker) => discard(broker, letters));
  }

  #order(kind: 'revoke' | 'erase', user: string): Promise<number> {
    return this.#broker((broker) => order(broker, kind, user, this.#config.ROUTE_PARTITIONS));
  }

  #database<T>(use: (db: Database) => Promise<T>): Promise<T> {
    return withDatabase(this.#config, use);
  }

  #broker<T>(use: (broker: CommandBroker) => Promise<T>): Promise<T> {
    return withBroker(this.#config, use);
  }

  #both<T>(use: (db: Database, broker: CommandBroker) => Promise<T>): Promise<T> {
    return this.#database((db) => this.#broker((broker) => use(db, broker)));
  }
}
