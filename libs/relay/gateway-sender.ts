import type { Delivery } from '#libs/broker/delivery.ts';
import type { GatewayEntry } from '#libs/broker/entries.ts';
import { BatchPublishers } from '#libs/broker/batch-publisher.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { GATEWAY_EXCHANGE, RETURNED_QUEUE } from '#libs/broker/topology.ts';
import type { SessionLocation } from '#libs/store/presence.ts';

/** A gateway's queue that confirms nothing for this long (its node is down) is as good as gone, milliseconds. */
const CONFIRM_TIMEOUT_MS = 10_000;
/** Text that may wait for all gateways together before the next large piece is read, UTF-16 units. */
const MAX_WAITING = 16 * 1024 * 1024;

/**
 * The way to sessions, through the queues of their gateways. What is sent to a queue that is gone takes the alternate
 * exchange to `sixfold.returned`; nothing vanishes.
 */
export class GatewaySender {
  readonly #publishers: BatchPublishers;

  constructor(publisher: Publisher) {
    const fallback = { afterMs: CONFIRM_TIMEOUT_MS, routingKey: RETURNED_QUEUE };
    this.#publishers = new BatchPublishers({
      publisher,
      exchange: GATEWAY_EXCHANGE,
      stage: 'live',
      fallback,
    });
  }

  /** @param cause the delivery that this comes from; it is held until the broker has the entry */
  send(gateway: string, entry: GatewayEntry, cause?: Delivery): void {
    cause?.hold();
    this.#publishers.to(gateway).add(JSON.stringify(entry), cause);
  }

  /** Something was stored for the user of these sessions. */
  hint(sessions: readonly SessionLocation[], cause?: Delivery): void {
    for (const { gateway, session } of sessions) this.send(gateway, { kind: 'hint', session }, cause);
  }

  /** Forgets the ways that are not used at the moment; gateways come and go. */
  prune(): void {
    this.#publishers.prune();
  }

  /** Resolves at once, or, when too much waits for the broker, when it has taken that. */
  async waitForCapacity(): Promise<void> {
    if (this.#publishers.waitingWeight > MAX_WAITING) await this.#publishers.drained();
  }
}
