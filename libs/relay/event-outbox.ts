import { randomUUID } from 'node:crypto';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { EventPublisher } from '#libs/events/event-publisher.ts';
import { Backoff, pause } from '#libs/runtime/backoff.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { Database, EventRecorder } from '#libs/store/database.ts';
import {
  adoptEvents,
  adoptEventsOfUsers,
  deleteEvents,
  readEvents,
  type RecordedEvent,
} from '#libs/store/event-outbox.ts';
import { eventsAdopted } from './metrics.ts';

/** Events that are read, published and deleted together. */
const AT_A_TIME = 500;
/** How often events are looked for that were left in the outbox, milliseconds. */
const LOOK_MS = 5_000;

const STOPPED = 'stopped before the events were published';

/**
 * Publishes the events that statements recorded in the database (deciding-statement.ts), then deletes them. If this
 * instance dies in between, another one publishes them, perhaps again.
 */
export class EventOutbox implements EventRecorder {
  readonly owner = randomUUID();
  readonly types: readonly string[];
  readonly #db: Database;
  readonly #events: EventPublisher;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  /** Something may have been recorded since the current round began. */
  #recorded = false;
  #causes: Pending[] = [];
  #running = false;
  #lookedAt = 0;

  constructor(db: Database, events: EventPublisher, log: Logger) {
    this.#db = db;
    this.#events = events;
    this.#log = log;
    this.types = events.types;
    db.recordEvents(this);
  }

  recorded(): void {
    this.#recorded = true;
    this.#start();
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Holds deliveries until everything that is recorded by now is published. */
  hold(items: readonly { delivery: Delivery }[]): void {
    if (!this.#running) return; // nothing is recorded
    this.#recorded = true; // the current round may have read the outbox already
    for (const delivery of new Set(items.map(({ delivery }) => delivery))) {
      delivery.hold();
      this.#causes.push(delivery);
    }
  }

  /** Resolves when everything that is recorded by now is published, and deleted. @throws when it stops before */
  async published(): Promise<void> {
    if (this.#isStopped()) throw new Error(STOPPED);
    if (!this.#running) return; // nothing is recorded
    this.#recorded = true; // the current round may have read the outbox already
    await new Promise<void>((resolve, reject) =>
      this.#causes.push({
        settled: (error) => {
          if (error) reject(error);
          else resolve();
        },
      }),
    );
  }

  /**
   * Takes over everything that names these users, from any instance, and publishes it: afterwards the outbox names them no
   * more. An instance that was publishing it as well makes a repetition.
   *
   * @throws when it stops before
   */
  async publishAllOf(users: readonly string[]): Promise<void> {
    eventsAdopted.inc(await adoptEventsOfUsers(this.#db, this.owner, users));
    this.recorded();
    await this.published();
  }

  /** Looks for what was left from time to time: by instances that are gone, or by a statement that seemed to fail. */
  async look(now = Date.now()): Promise<void> {
    if (this.#running || now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    eventsAdopted.inc(await adoptEvents(this.#db, this.owner, AT_A_TIME));
    this.recorded();
  }

  /** Leaves the rest to other instances. */
  stop(): void {
    this.#stop.abort();
  }

  #start(): void {
    if (this.#isStopped() || this.#running) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    const backoff = new Backoff({ baseMs: 100, maxMs: 2_000 });
    while (this.#recorded && !this.#isStopped()) {
      this.#recorded = false;
      const causes = this.#causes.splice(0);
      try {
        await this.#publishAll();
        backoff.reset();
        for (const cause of causes) cause.settled();
      } catch (error) {
        this.#recorded = true;
        this.#causes.unshift(...causes);
        if (this.#isStopped()) break;
        this.#log.warn({ err: error }, 'events could not be taken from the outbox, will retry');
        await pause(backoff.next(), this.#stop.signal).catch(() => undefined);
      }
    }
    const stopped = new Error(STOPPED);
    for (const cause of this.#causes.splice(0)) cause.settled(stopped);
    this.#running = false;
  }

  async #publishAll(): Promise<void> {
    for (;;) {
      const events = await readEvents(this.#db, this.owner, AT_A_TIME);
      if (events.length === 0) return;
      await Promise.all(events.map((event) => this.#publish(event)));
      await deleteEvents(this.#db, events);
      if (events.length < AT_A_TIME) return;
    }
  }

  #publish({ type, fact, fields }: RecordedEvent): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#events.publish(type, fact, fields, {
        settled: (error) => {
          if (error) reject(error);
          else resolve();
        },
      }),
    );
  }
}
