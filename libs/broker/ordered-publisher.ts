import { Backoff, pause } from '#libs/runtime/backoff.ts';
import { BrokerError } from './errors.ts';
import type { Publisher } from './publisher.ts';

export interface OrderedPublisherOptions {
  publisher: Pick<Publisher, 'publish' | 'ready' | 'stopped'>;
  exchange: string;
  routingKey: string;
  /** Queue for groups that stay unconfirmed for `afterMs`: one queue must not block the others. */
  fallback?: { afterMs: number; routingKey: string } | undefined;
  backoff?: Backoff;
}

/** Confirm timeouts before a retry, milliseconds. */
const AGAIN_AFTER_MS = { first: 1_500, longest: 12_000 };

interface Group {
  readonly content: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  confirmed: boolean;
  /** It goes to the fallback queue. */
  elsewhere: boolean;
}

/**
 * Publishes to one destination, in order, and retries until the broker confirms ("go back N"). Normally groups are
 * pipelined. After a failure the oldest unconfirmed group is published alone until it is confirmed; then all groups
 * behind it are published again in order, confirmed or not. So duplicates may arrive late, but every channel carries
 * the groups in order from the oldest unconfirmed one: the first copies keep their order.
 */
export class OrderedPublisher {
  readonly #options: OrderedPublisherOptions;
  readonly #backoff: Backoff;
  /** Unconfirmed, or behind an unconfirmed group; oldest first. */
  readonly #groups: Group[] = [];
  /** Counts failures: the outcome of a publish from before the last failure is ignored. */
  #failures = 0;
  #repairing = false;
  #patienceMs = AGAIN_AFTER_MS.first;
  #unconfirmedMs = 0;

  constructor(options: OrderedPublisherOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff({ baseMs: 50, maxMs: 1_000 });
  }

  /** Resolves when the broker has confirmed it and everything before it. @throws Error when the publisher is stopped */
  send(content: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const group = { content, resolve, reject, confirmed: false, elsewhere: false };
      this.#groups.push(group);
      if (!this.#repairing) this.#pipeline(group);
    });
  }

  #pipeline(group: Group): void {
    const failures = this.#failures;
    group.confirmed = false;
    this.#publish(group).then(
      () => {
        if (failures === this.#failures) this.#confirmed(group);
      },
      (error: unknown) => {
        if (failures === this.#failures) void this.#repair(error);
      },
    );
  }

  #confirmed(group: Group): void {
    group.confirmed = true;
    this.#calm();
    while (this.#groups[0]?.confirmed === true) this.#groups.shift()?.resolve();
  }

  async #repair(failure: unknown): Promise<void> {
    this.#failures++;
    this.#repairing = true;
    for (let error = failure; error !== undefined;) {
      if (this.#options.publisher.stopped) {
        for (const group of this.#groups.splice(0)) group.reject(error);
        break;
      }
      error = await this.#publishOldest(error);
    }
    this.#repairing = false;
    for (const group of this.#groups) this.#pipeline(group);
  }

  /** Publishes the oldest alone. @returns why it is still the oldest, or undefined */
  async #publishOldest(before: unknown): Promise<unknown> {
    const { publisher } = this.#options;
    if (before instanceof BrokerError && before.code === 'timeout') this.#unconfirmed();
    await pause(this.#backoff.next());
    await publisher.ready();
    const [oldest] = this.#groups;
    if (!oldest) return undefined; // cannot happen: the failed group is there
    try {
      await this.#publish(oldest);
    } catch (error) {
      return error ?? before;
    }
    this.#groups.shift();
    oldest.resolve();
    return undefined;
  }

  #publish({ content, elsewhere }: Group): Promise<void> {
    const { publisher, exchange, routingKey, fallback } = this.#options;
    if (elsewhere && fallback) return publisher.publish('', fallback.routingKey, content, this.#patienceMs);
    return publisher.publish(exchange, routingKey, content, this.#patienceMs);
  }

  /** A confirm timed out. After `afterMs` all waiting groups go to the fallback queue. */
  #unconfirmed(): void {
    const { fallback } = this.#options;
    this.#unconfirmedMs += this.#patienceMs;
    this.#patienceMs = Math.min(this.#patienceMs * 2, AGAIN_AFTER_MS.longest);
    if (!fallback || this.#unconfirmedMs < fallback.afterMs) return;
    for (const group of this.#groups) group.elsewhere = true;
    this.#calm();
  }

  /** Resets the timeouts: the next failure is a new one. */
  #calm(): void {
    this.#patienceMs = AGAIN_AFTER_MS.first;
    this.#unconfirmedMs = 0;
    this.#backoff.reset();
  }
}
