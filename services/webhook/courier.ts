import type { DeadLetters } from '#libs/broker/dead-letters.ts';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { Event } from '#libs/events/event.ts';
import { Backoff, pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { Collector } from './collector.ts';
import type { Endpoint } from './endpoint.ts';
import { Held, type Item } from './held.ts';
import { eventsTotal, retryingBatches } from './metrics.ts';
import { webhookId } from './signature.ts';

export interface CourierOptions {
  endpoint: Pick<Endpoint, 'closedMs' | 'post'>;
  dead: DeadLetters;
  /** Puts events at the end of the queue; resolves when the broker has confirmed them. */
  republish: (events: readonly Event[], publishedAt: number) => Promise<void>;
  /** How long an event is tried from its publication, milliseconds. */
  maxAgeMs: number;
  log: Logger;
  random?: () => number;
  wait?: typeof pause;
}

/** Most batches that wait for another try. With that many nothing new is sent: the endpoint is down. */
const MAX_RETRYING = 9;
/** Pauses between the tries of one batch. */
const BACKOFF = { baseMs: 1_000, maxMs: 60_000 };

/**
 * Takes the events of one consumer to the endpoint. New batches go one after the other, so the order holds while nothing
 * fails. A batch that failed is tried again beside them: a batch that the endpoint never takes holds up no others.
 */
export class Courier {
  readonly #options: CourierOptions;
  readonly #collector: Collector;
  /** In order of arrival. */
  readonly #held = new Set<Held>();
  readonly #retrying = new Set<Promise<void>>();
  /** Ends pauses. */
  readonly #stop = new AbortController();
  /** Ends requests. */
  readonly #giveUp = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#collector = new Collector(options.dead);
    this.#running = this.#run();
  }

  readonly receive = (delivery: Delivery, content: Buffer): void => {
    const held: Held = new Held(delivery, content, () => this.#held.delete(held));
    this.#held.add(held);
    this.#collector.add(held);
  };

  /** How long the oldest delivery has been unacknowledged, milliseconds. */
  get oldestMs(): number {
    const [oldest] = this.#held;
    return oldest ? performance.now() - oldest.arrivedAt : 0;
  }

  /**
   * Finishes the requests under way, and sends nothing more. What is left stays unacknowledged: close the consumer next.
   * A delivery of which the endpoint has a part is replaced by a message with the rest.
   *
   * @param finishWithinMs after this long requests are broken off; the endpoint may get their events again
   */
  async stop(finishWithinMs: number): Promise<void> {
    this.drop();
    const late = setTimeout(() => this.#giveUp.abort(), finishWithinMs);
    await Promise.all([this.#running, ...this.#retrying]);
    clearTimeout(late);
    await Promise.all([...this.#held].map((held) => this.#return(held)));
  }

  /** The consumer is gone: the broker redelivers what is left. */
  drop(): void {
    this.#stop.abort();
    this.#collector.stop();
  }

  async #run(): Promise<void> {
    for (;;) {
      while (this.#retrying.size >= MAX_RETRYING) await Promise.race(this.#retrying);
      const batch = await this.#collector.next();
      if (!batch || !(await this.#untilOpen(0))) return;
      const rest = await this.#try(batch);
      if (rest.length > 0) this.#retryLater(rest);
    }
  }

  #retryLater(batch: Item[]): void {
    retryingBatches.inc();
    const retrying = this.#retry(batch).finally(() => {
      this.#retrying.delete(retrying);
      retryingBatches.dec();
    });
    this.#retrying.add(retrying);
  }

  async #retry(batch: Item[]): Promise<void> {
    const { random } = this.#options;
    const backoff = new Backoff({ ...BACKOFF, ...(random && { random }) });
    for (let rest = batch; rest.length > 0;) {
      if (!(await this.#untilOpen(backoff.next()))) return;
      rest = await this.#try(rest);
    }
  }

  /** Waits out what the endpoint asked for, and the pause behind it. @returns false when stopped meanwhile */
  async #untilOpen(pauseMs: number): Promise<boolean> {
    const { endpoint, wait = pause } = this.#options;
    const { signal } = this.#stop;
    for (let ms = endpoint.closedMs + pauseMs; ms > 0 && !signal.aborted; ms = endpoint.closedMs)
      await wait(ms, signal).catch(() => undefined);
    return !signal.aborted;
  }

  /** One request. @returns the events to try again */
  async #try(batch: Item[]): Promise<Item[]> {
    const { endpoint, log } = this.#options;
    const events = batch.map(({ event }) => event);
    const answer = await endpoint.post(webhookId(events), JSON.stringify(events), this.#giveUp.signal);
    if (!answer.taken) {
      log.warn({ events: batch.length, why: answer.why }, 'the endpoint did not take a batch');
      return this.#buryOld(batch, answer.why);
    }
    for (const item of batch) item.held.settle(item);
    eventsTotal.inc({ outcome: 'delivered' }, batch.length);
    return [];
  }

  /** Makes dead letters of the events that were tried long enough. @returns the others */
  #buryOld(batch: Item[], why: string): Item[] {
    const { dead, maxAgeMs } = this.#options;
    const now = Date.now();
    const isOld = ({ held }: Item) => now - held.publishedAt >= maxAgeMs;
    for (const item of batch.filter(isOld)) {
      const content = JSON.stringify(item.event);
      dead.publish(item.held.delivery, { reason: `given up: ${why}`, content });
      item.held.settle(item);
      eventsTotal.inc({ outcome: 'given_up' });
    }
    return batch.filter((item) => !isOld(item));
  }

  async #return(held: Held): Promise<void> {
    const { republish, log } = this.#options;
    if (held.partly && !held.delivery.source.closed)
      try {
        const rest = [...held.items];
        await republish(
          rest.map(({ event }) => event),
          held.publishedAt,
        );
        for (const item of rest) held.settle(item);
      } catch (error) {
        log.warn(
          { err: error },
          'events are returned with others that the endpoint has: it gets those again',
        );
      }
    held.giveBack();
  }
}
