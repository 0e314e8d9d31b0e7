import { BatchPublisher } from '#libs/broker/batch-publisher.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { EVENTS_EXCHANGE } from '#libs/broker/topology.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { eventId, type EventType, type MessageEvent } from './event.ts';
import { eventsTotal, eventsUnconfirmed } from './metrics.ts';

/** What became of a message; other fields are ignored. */
export type MessageFact = Pick<MessageEvent, 'from' | 'id' | 'to' | 'at' | 'thread' | 'reason'>;

/** Counts an event, and settles what caused it. */
class PendingEvent implements Pending {
  readonly #type: string;
  readonly #cause: Pending | undefined;

  constructor(type: string, cause: Pending | undefined) {
    this.#type = type;
    this.#cause = cause;
    eventsUnconfirmed.inc();
  }

  settled(error?: Error): void {
    eventsUnconfirmed.dec();
    if (!error) eventsTotal.inc({ type: this.#type });
    this.#cause?.settled(error);
  }
}

/**
 * Publishes events to `sixfold.events`, persistent and confirmed; retried until the broker confirms them. No queue need be
 * bound: then nobody wants them. A service has none where EVENTS is empty.
 */
export class EventPublisher {
  readonly types: readonly string[];
  readonly #publisher: Publisher;
  readonly #batches = new Map<string, BatchPublisher>();

  constructor(publisher: Publisher, types: readonly EventType[]) {
    this.types = types;
    this.#publisher = publisher;
  }

  /** The publisher of a service, where somebody wants events. */
  static of(publisher: Publisher, { EVENTS }: { EVENTS: readonly EventType[] }): EventPublisher | undefined {
    return EVENTS.length > 0 ? new EventPublisher(publisher, EVENTS) : undefined;
  }

  wants(type: EventType): boolean {
    return this.types.includes(type);
  }

  /** A message reached a state, if that is wanted. @param cause held until the broker has confirmed the event */
  message(
    type: EventType,
    { from, id, to, at, thread, reason }: MessageFact,
    cause?: Pending & { hold(): void },
  ): void {
    if (!this.wants(type)) return;
    cause?.hold();
    this.publish(type, [from, id, to], { from, id, to, at, thread, reason }, cause);
  }

  /** @param fact what makes it this fact and no other */
  publish(type: string, fact: readonly string[], fields: object, pending?: Pending): void {
    const event = { type, event: eventId(type, ...fact), ...fields };
    this.#batchesOf(type).add(JSON.stringify(event), new PendingEvent(type, pending));
  }

  #batchesOf(type: string): BatchPublisher {
    let batches = this.#batches.get(type);
    if (!batches) {
      const options = {
        publisher: this.#publisher,
        exchange: EVENTS_EXCHANGE,
        routingKey: type,
        stage: 'events',
      };
      this.#batches.set(type, (batches = new BatchPublisher(options)));
    }
    return batches;
  }
}
