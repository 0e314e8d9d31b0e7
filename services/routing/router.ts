import type { RouteEntry } from '#libs/broker/entries.ts';
import type { Item } from '#libs/broker/reader.ts';
import { within } from '#libs/runtime/backoff.ts';
import { removeGateways, renewLease } from '#libs/store/gateways.ts';
import type { Mailbox } from './away.ts';
import { confirm, pull } from './offline.ts';
import { routeMessages } from './resolve.ts';
import { changeSessions } from './sessions.ts';

type ItemOf<K extends RouteEntry['kind']> = Item<Extract<RouteEntry, { kind: K }>>;

function select<K extends RouteEntry['kind']>(
  items: readonly Item<RouteEntry>[],
  ...kinds: K[]
): ItemOf<K>[] {
  return items.filter(({ entry }) => (kinds as string[]).includes(entry.kind)) as ItemOf<K>[];
}

/** A queue that does not answer must not hold up the partitions, milliseconds. */
const ADOPT_TIMEOUT_MS = 2_000;

/**
 * Deals with a batch from the route queues. Changes of presence come before the messages of the batch, so that these
 * find who came last; confirmations come before the pulls that may follow them. Messages keep their order.
 */
export class Router {
  readonly #mailbox: Mailbox;
  readonly #maxSessions: number;
  readonly #adopt: (gateway: string) => Promise<boolean>;

  /**
   * @param maxSessions of one user
   * @param adopt makes this instance an heir of a gateway's queue
   */
  constructor(mailbox: Mailbox, maxSessions: number, adopt: (gateway: string) => Promise<boolean>) {
    this.#mailbox = mailbox;
    this.#maxSessions = maxSessions;
    this.#adopt = adopt;
  }

  readonly handle = async (items: readonly Item<RouteEntry>[], again: boolean): Promise<void> => {
    const { db } = this.#mailbox;
    for (const item of select(items, 'lease')) await this.#lease(item);
    const left = [...new Set(select(items, 'leave').map(({ entry }) => entry.gateway))];
    if (left.length > 0) await removeGateways(db, left);
    await changeSessions(
      { ...this.#mailbox, maxSessions: this.#maxSessions },
      select(items, 'session-up', 'session-down'),
    );
    await confirm(this.#mailbox, select(items, 'confirm'), again);
    await routeMessages(this.#mailbox, select(items, 'message'));
    await pull(this.#mailbox, select(items, 'pull'));
  };

  /** A gateway that is new has an heir before it hears that its lease is granted. */
  async #lease({ entry, delivery }: ItemOf<'lease'>): Promise<void> {
    const { db, live, leaseMs } = this.#mailbox;
    const { gateway, first } = entry;
    const presence = await renewLease(db, gateway, first, leaseMs);
    if (presence === undefined) return; // over: a tombstone in its queue tells it
    const heir = await within(ADOPT_TIMEOUT_MS, this.#adopt(gateway));
    if (!heir) return; // its queue does not answer: nothing may be sent there
    live.send(gateway, { kind: 'lease-granted', presence }, delivery);
  }
}
