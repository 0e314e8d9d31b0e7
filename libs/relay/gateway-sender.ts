import type { GatewayEntry } from '#libs/broker/entries.ts';
import { BatchPublishers } from '#libs/broker/batch-publisher.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { GATEWAY_EXCHANGE, RETURNED_QUEUE } from '#libs/broker/topology.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import type { SessionLocation } from '#libs/store/presence.ts';

/** A gateway's queue that confirms nothing for this long (its node is down) counts as gone, milliseconds. */
const CONFIRM_TIMEOUT_MS = 10_000;
/** Text that may wait for all gateways together before the next large piece is read, UTF-16 units. */
const MAX_WAITING = 16 * 1024 * 1024;

/** What an entry holds until the broker has confirmed it, such as the delivery that caused it. */
export interface Cause extends Pending {
  hold(): void;
}

/**
 * Sends entries to sessions, through the queues of their gateways. If a queue is gone, entries take the alternate
 * exchange to `sixfold.returned`: nothing is lost.
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

  /** @param cause held until the broker has confirmed the entry */
  send(gateway: string, entry: GatewayEntry, cause?: Cause): void {
    cause?.hold();
    this.#publishers.to(gateway).add(JSON.stringify(entry), cause);
  }

  /** Something was stored for the user of these sessions. */
  hint(sessions: readonly SessionLocation[], cause?: Cause): void {
    for (const { gateway, session } of sessions) this.send(gateway, { kind: 'hint', session }, cause);
  }

  /** Closes idle publishers: gateways come and go. */
  prune(): void {
    this.#publishers.prune();
  }

  /** Backpressure: waits until the broker has confirmed everything, if too much is waiting. */
  async waitForCapacity(): Promise<void> {
    if (this.#publishers.waitingWeight > MAX_WAITING) await this.#publishers.drained();
  }
}
