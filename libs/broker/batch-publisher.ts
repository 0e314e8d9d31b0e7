import { GroupCommit, type Pending } from '#libs/runtime/group-commit.ts';
import { BrokerError } from './errors.ts';
import { OrderedPublisher } from './ordered-publisher.ts';
import { batchEntries } from './metrics.ts';
import type { Publisher } from './publisher.ts';

export interface BatchPublisherOptions {
  publisher: Publisher;
  /** '' is the default exchange: the routing key names the queue. */
  exchange: string;
  routingKey: string;
  /** Label of the batch_entries metric. */
  stage: string;
  /**
   * How long an entry may take until its confirm, milliseconds; then it fails, and it is for the caller to say so.
   * Without it an entry is published again and again until the broker has it, in order.
   */
  timeoutMs?: number;
  /** How much text may wait, UTF-16 units; further entries fail at once. */
  maxWaiting?: number;
  /** Where a group goes that its queue does not confirm within `afterMs`: one queue must not hold up the others. */
  fallback?: { afterMs: number; routingKey: string };
}

/** Groups on their way to the broker at a time, for one destination. Publishes on one channel keep their order. */
const CONCURRENCY = 4;
const MAX_ENTRIES = 500;
/** Weight of a group, UTF-16 units of its text. */
const MAX_WEIGHT = 256 * 1024;

/** A single entry waiting for its group's confirm. */
class Entry implements Pending {
  readonly text: string;
  /** Milliseconds of performance.now(). */
  readonly deadline: number;
  readonly #pending: Pending | undefined;

  constructor(text: string, deadline: number, pending: Pending | undefined) {
    this.text = text;
    this.deadline = deadline;
    this.#pending = pending;
  }

  settled(error?: Error): void {
    this.#pending?.settled(error);
  }
}

/**
 * Group commit towards one queue: entries added while a confirm is under way share the next AMQP message.
 *
 * Order: entries arrive as they were added. Without `timeoutMs` that holds across failures (ordered-publisher.ts). With it, no
 * entry that was taken overtakes another one that was: with the first of a channel that fails, all behind it on that
 * channel fail too, and it is for those who are told to add them again in order. What failed may arrive all the same,
 * late.
 */
export class BatchPublisher {
  readonly #options: BatchPublisherOptions;
  readonly #ordered: OrderedPublisher;
  readonly #groups: GroupCommit<Entry>;
  #expiring: NodeJS.Timeout | undefined;

  constructor(options: BatchPublisherOptions) {
    this.#options = options;
    this.#ordered = new OrderedPublisher(options);
    this.#groups = new GroupCommit<Entry>({
      concurrency: CONCURRENCY,
      maxEntries: MAX_ENTRIES,
      maxWeight: MAX_WEIGHT,
      weigh: (entry) => entry.text.length,
      commit: (group) => this.#commit(group),
    });
  }

  /**
   * @param text the entry as JSON
   * @param pending told when the broker has the entry, or that it cannot be known
   */
  add(text: string, pending?: Pending): void {
    const { maxWaiting, timeoutMs = Infinity } = this.#options;
    if (maxWaiting !== undefined && this.#groups.waitingWeight >= maxWaiting)
      pending?.settled(new BrokerError('full'));
    else this.#groups.add(new Entry(text, performance.now() + timeoutMs, pending));
    if (timeoutMs !== Infinity && !this.#expiring)
      this.#expiring = setTimeout(() => this.#expire(), timeoutMs).unref();
  }

  /** One timer for all that wait: it goes by the oldest. */
  #expire(): void {
    const now = performance.now();
    this.#groups.expire(({ deadline }) => deadline <= now, new BrokerError('timeout'));
    const { oldest } = this.#groups;
    this.#expiring = oldest && setTimeout(() => this.#expire(), oldest.deadline - now + 1).unref();
  }

  get idle(): boolean {
    return this.#groups.idle;
  }

  /** Text that waits for its turn, UTF-16 units. */
  get waitingWeight(): number {
    return this.#groups.waitingWeight;
  }

  /** Gives up on what waits for its turn. */
  forget(why: Error): void {
    this.#groups.expire(() => true, why);
  }

  drained(): Promise<void> {
    return this.#groups.drained();
  }

  #commit(group: Entry[]): Promise<void> {
    const { publisher, stage, timeoutMs, exchange, routingKey } = this.#options;
    const content = Buffer.from(`[${group.map((entry) => entry.text).join(',')}]`);
    batchEntries.observe({ stage }, group.length);
    if (timeoutMs === undefined) return this.#ordered.send(content);
    const left = Math.max(1, (group.at(-1)?.deadline ?? 0) - performance.now());
    return publisher.publish(exchange, routingKey, content, left);
  }
}

/** The batch publishers of destinations that come and go, such as the queues of gateways. */
export class BatchPublishers {
  readonly #open = new Map<string, BatchPublisher>();
  readonly #options: Omit<BatchPublisherOptions, 'routingKey'>;

  constructor(options: Omit<BatchPublisherOptions, 'routingKey'>) {
    this.#options = options;
  }

  to(routingKey: string): BatchPublisher {
    let publisher = this.#open.get(routingKey);
    if (!publisher)
      this.#open.set(routingKey, (publisher = new BatchPublisher({ ...this.#options, routingKey })));
    return publisher;
  }

  get waitingWeight(): number {
    let sum = 0;
    for (const publisher of this.#open.values()) sum += publisher.waitingWeight;
    return sum;
  }

  /** Forgets the batch publishers that have nothing to send. */
  prune(): void {
    const { publisher, exchange } = this.#options;
    for (const [key, batches] of this.#open) {
      if (!batches.idle) continue;
      this.#open.delete(key);
      publisher.release(exchange, key);
    }
  }

  async drained(): Promise<void> {
    await Promise.all([...this.#open.values()].map((publisher) => publisher.drained()));
  }
}
