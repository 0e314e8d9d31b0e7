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
   * Confirm timeout of an entry, milliseconds; the caller handles the failure. Without a timeout, entries are retried
   * in order until the broker confirms them.
   */
  timeoutMs?: number;
  /** Most waiting text, UTF-16 units; further entries fail at once. */
  maxWaiting?: number;
  /** Queue for groups that stay unconfirmed for `afterMs`: one queue must not block the others. */
  fallback?: { afterMs: number; routingKey: string };
}

/** Unconfirmed groups for one destination. Publishes on one channel keep their order. */
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
 * Order: entries arrive in the order of add(). Without `timeoutMs` this holds across failures (ordered-publisher.ts).
 * With it, confirmed entries never overtake each other: when one fails, all later ones on its channel fail too, and
 * callers retry in order. A failed entry may still arrive late.
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
   * @param pending settled when the broker has confirmed the entry, or with an error if the outcome is unknown
   */
  add(text: string, pending?: Pending): void {
    const { maxWaiting, timeoutMs = Infinity } = this.#options;
    if (maxWaiting !== undefined && this.#groups.waitingWeight >= maxWaiting)
      pending?.settled(new BrokerError('full'));
    else this.#groups.add(new Entry(text, performance.now() + timeoutMs, pending));
    if (timeoutMs !== Infinity && !this.#expiring)
      this.#expiring = setTimeout(() => this.#expire(), timeoutMs).unref();
  }

  /** One timer, set for the oldest waiting entry. */
  #expire(): void {
    const now = performance.now();
    this.#groups.expire(({ deadline }) => deadline <= now, new BrokerError('timeout'));
    const { oldest } = this.#groups;
    this.#expiring = oldest && setTimeout(() => this.#expire(), oldest.deadline - now + 1).unref();
  }

  get idle(): boolean {
    return this.#groups.idle;
  }

  /** Waiting text, UTF-16 units. */
  get waitingWeight(): number {
    return this.#groups.waitingWeight;
  }

  /** Fails all waiting entries. */
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

  /** How many other destinations have unconfirmed entries. */
  busyBeside(routingKey: string): number {
    let busy = 0;
    for (const [key, publisher] of this.#open) if (key !== routingKey && !publisher.idle) busy++;
    return busy;
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
