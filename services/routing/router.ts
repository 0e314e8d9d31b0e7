import type { RouteEntry } from '#libs/broker/entries.ts';
import type { BatchItem } from '#libs/broker/batch-processor.ts';
import { within } from '#libs/runtime/backoff.ts';
import { removeGateways, renewLease } from '#libs/store/gateways.ts';
import { compareSessions } from '#libs/store/session-comparison.ts';
import { routeMessages, type RoutingContext } from './route-messages.ts';
import { type ItemOf, select } from './select.ts';
import { answerQuestions } from './questions.ts';
import { changeInOrder } from './revocations.ts';

/** An unresponsive queue must not block the partitions, milliseconds. */
const SUBSCRIBE_TIMEOUT_MS = 2_000;

/**
 * Handles a batch from the route queues. Presence changes come before the messages, so that messages find new
 * sessions. Messages keep their order. Mailbox operations go to the mailbox worker.
 */
export class Router {
  readonly #context: RoutingContext;
  readonly #limits: { maxSessions: number; maxDevices: number };
  readonly #subscribe: (gateway: string) => Promise<boolean>;

  /**
   * @param limits of one user
   * @param subscribe makes this instance an heir of a gateway's queue
   */
  constructor(
    context: RoutingContext,
    limits: { maxSessions: number; maxDevices: number },
    subscribe: (gateway: string) => Promise<boolean>,
  ) {
    this.#context = context;
    this.#limits = limits;
    this.#subscribe = subscribe;
  }

  readonly handle = async (items: readonly BatchItem<RouteEntry>[], again = false): Promise<void> => {
    const { db, presence, outbox } = this.#context;
    const { generation } = presence; // the connection may be lost and restored while this batch waits
    for (const item of select(items, 'lease')) await this.#renewLease(item);
    const left = [...new Set(select(items, 'leave').map(({ entry }) => entry.gateway))];
    if (left.length > 0) await removeGateways(db, left);
    const changes = select(items, 'session-up', 'session-down', 'revoke', 'erase');
    for (const { entry } of [...changes, ...select(items, 'logout')]) presence.forget(entry.user);
    const { told } = await changeInOrder({ ...this.#context, ...this.#limits }, changes, again);
    await answerQuestions(this.#context, select(items, 'presence', 'devices', 'token'));
    await routeMessages(this.#context, select(items, 'message', 'sent'), generation);
    this.#context.erasures.add(select(items, 'erase'), told);
    this.#context.mailboxWorker.add(select(items, 'confirm', 'pull', 'logout'));
    outbox?.hold(items);
  };

  /** A new gateway gets an heir before its lease is granted. */
  async #renewLease({ entry, delivery }: ItemOf<'lease'>): Promise<void> {
    const { db, gatewaySender, leaseMs } = this.#context;
    const { gateway, first, asked, check } = entry;
    const presence = await renewLease(db, gateway, first, leaseMs);
    if (presence === undefined) return; // ended: it gets a tombstone in its queue
    const heir = await within(SUBSCRIBE_TIMEOUT_MS, this.#subscribe(gateway));
    if (!heir) return; // its queue is unresponsive: send nothing
    const found = check && (await compareSessions(db, gateway, check));
    gatewaySender.send(gateway, { kind: 'lease-granted', presence, asked, ...found }, delivery);
  }
}
