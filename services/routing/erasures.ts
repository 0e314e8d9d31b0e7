import {
  type BatchItem,
  BatchProcessor,
  type BatchProcessorOptions,
  returnToBroker,
} from '#libs/broker/batch-processor.ts';
import type { Erase } from '#libs/broker/entries.ts';
import { receiptsTotal } from '#libs/relay/metrics.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { dropEventsOfUsers } from '#libs/store/event-outbox.ts';
import { eraseMessages, eraseReceipts, finishErasures } from '#libs/store/erasures.ts';
import { findSessions } from '#libs/store/presence.ts';
import { waitForRunningStatements } from '#libs/store/running-statements.ts';
import { expiredTotal, routedTotal, usersErased } from './metrics.ts';
import { answer } from './questions.ts';

/** How long statements that began before an erasure may take until it is tried again, milliseconds. */
const RUNNING_TIMEOUT_MS = 5_000;
/** Most users that are erased together. */
const MAX_BATCH = 100;

/**
 * Deletes what erased users have in the mailboxes, and tells the senders. Apart from everything else: the mailboxes may be
 * large, and statements under way may take long. The router has marked the users as erased before.
 */
export class Erasures {
  readonly #batches: BatchProcessor<Erase>;
  #waiting: BatchItem<Erase>[] = [];
  readonly #told = new WeakMap<Erase, Promise<Error | undefined>>();
  #running: Promise<void> | undefined;

  constructor(
    relay: RelayContext,
    options: Pick<BatchProcessorOptions<Erase>, 'isTransient' | 'dead' | 'log'>,
  ) {
    const handle = async (items: readonly BatchItem<Erase>[]) => {
      for (const { entry } of items) {
        const failure = await this.#told.get(entry);
        if (failure) throw failure;
      }
      await erase(relay, items);
    };
    this.#batches = new BatchProcessor({ ...options, stage: 'erasing', handle });
  }

  /** No user is being erased. */
  get idle(): boolean {
    return this.#running === undefined;
  }

  /**
   * Holds the deliveries until nothing of their users is left.
   *
   * @param told when the gateways are told of the revocation, with the failure if there was one: before that, no answer
   */
  add(items: readonly BatchItem<Erase>[], told: Promise<Error | undefined>): void {
    for (const { entry, delivery } of items) {
      this.#told.set(entry, told);
      delivery.hold();
    }
    this.#waiting.push(...items);
    if (this.#batches.stopped) this.#returnToBroker();
    else if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  /** Finishes the current batch, unless it waits for a retry; the rest goes back to the broker. */
  async stop(): Promise<void> {
    this.#batches.stop();
    this.#returnToBroker();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#batches.process(this.#waiting.splice(0, MAX_BATCH));
    this.#running = undefined;
  }

  #returnToBroker(): void {
    returnToBroker(this.#waiting.splice(0));
  }
}

/** @throws when the events cannot be published before this instance stops: another one erases again */
async function erase(relay: RelayContext, items: readonly BatchItem<Erase>[]): Promise<void> {
  const { db, gatewaySender, leaseMs } = relay;
  const users = [...new Set(items.map(({ entry }) => entry.user))];
  await waitForRunningStatements(db, RUNNING_TIMEOUT_MS);
  for await (const gone of eraseMessages(db, users)) {
    const told = gone.filter(({ receipt }) => receipt).map(({ sender }) => sender);
    for (const sessions of (await findSessions(db, told, leaseMs)).values())
      gatewaySender.hint(sessions, items[0]?.delivery);
    expiredTotal.inc({ what: 'message' }, gone.length);
    routedTotal.inc({ outcome: 'rejected' }, gone.length);
    receiptsTotal.inc({ outcome: 'stored' }, told.length);
  }
  await eraseReceipts(db, users);
  // Events name the users, too, also those that other instances left: published before the erasure is acknowledged, and gone.
  if (relay.outbox) await relay.outbox.publishAllOf(users);
  else await dropEventsOfUsers(db, users);
  await finishErasures(db, users);
  usersErased.inc(users.length);
  for (const { entry, delivery } of items) answer(relay, entry, {}, delivery);
}
