import type { RouteEntry } from '#libs/broker/entries.ts';
import type { Item } from '#libs/broker/batches.ts';
import { within } from '#libs/runtime/backoff.ts';
import { removeGateways, renewLease } from '#libs/store/gateways.ts';
import { findMissing } from '#libs/store/presence.ts';
import { routeMessages, type Ways } from './resolve.ts';
import { type ItemOf, select } from './select.ts';
import { changeSessions } from './sessions.ts';

/** A queue that does not answer must not hold up the partitions, milliseconds. */
const ADOPT_TIMEOUT_MS = 2_000;

/**
 * Deals with a batch from the route queues. Changes of presence come before the messages of the batch, so that these
 * find who came last. Messages keep their order. What is for mailboxes goes on there.
 */
export class Router {
  readonly #ways: Ways;
  readonly #maxSessions: number;
  readonly #adopt: (gateway: string) => Promise<boolean>;

  /**
   * @param maxSessions of one user
   * @param adopt makes this instance an heir of a gateway's queue
   */
  constructor(ways: Ways, maxSessions: number, adopt: (gateway: string) => Promise<boolean>) {
    this.#ways = ways;
    this.#maxSessions = maxSessions;
    this.#adopt = adopt;
  }

  readonly handle = async (items: readonly Item<RouteEntry>[]): Promise<void> => {
    const { db, presence } = this.#ways;
    const { era } = presence; // the connection may be lost, and come back, while this batch waits
    for (const item of select(items, 'lease')) await this.#lease(item);
    const left = [...new Set(select(items, 'leave').map(({ entry }) => entry.gateway))];
    if (left.length > 0) await removeGateways(db, left);
    const changes = select(items, 'session-up', 'session-down');
    for (const { entry } of changes) presence.forget(entry.user);
    await changeSessions({ ...this.#ways, maxSessions: this.#maxSessions }, changes);
    await routeMessages(this.#ways, select(items, 'message'), era);
    this.#ways.mailboxes.add(select(items, 'confirm', 'pull'));
  };

  /** A gateway that is new has an heir before it hears that its lease is granted. */
  async #lease({ entry, delivery }: ItemOf<'lease'>): Promise<void> {
    const { db, live, leaseMs } = this.#ways;
    const { gateway, first, asked, check } = entry;
    const presence = await renewLease(db, gateway, first, leaseMs);
    if (presence === undefined) return; // over: a tombstone in its queue tells it
    const heir = await within(ADOPT_TIMEOUT_MS, this.#adopt(gateway));
    if (!heir) return; // its queue does not answer: nothing may be sent there
    const missing = check && (await findMissing(db, gateway, check));
    live.send(gateway, { kind: 'lease-granted', presence, asked, missing }, delivery);
  }
}
