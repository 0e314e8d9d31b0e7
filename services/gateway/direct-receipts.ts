import { BatchPublishers } from '#libs/broker/batch-publisher.ts';
import type { Confirmation, LiveReceipt, Target } from '#libs/broker/entries.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { receiptsTotal } from '#libs/broker/receipt-metrics.ts';
import { GATEWAY_EXCHANGE } from '#libs/broker/topology.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';

/**
 * Gateways that receipts are on their way to at a time. Receipts for more of them share an AMQP message to the ack
 * service, which gathers what all gateways have for one: with many gateways that is cheaper than a group for each pair.
 */
export const GATEWAYS_AT_A_TIME = 2;
/** After a receipt that the broker did not confirm, its gateway's receipts take the other way for this long, milliseconds. */
export const AVOIDED_MS = 30_000;

const live = receiptsTotal.labels({ outcome: 'live' });

/**
 * Sends receipts to the gateways of senders, past the ack service: a hop less. Only where the message has a reply
 * address, and routing has found that its confirmation is nobody else's news.
 */
export class DirectReceipts {
  readonly #publishers: BatchPublishers;
  /** Gateways whose receipts take the other way, and until when, milliseconds of performance.now(). */
  readonly #avoided = new Map<string, number>();

  constructor(publisher: Publisher, timeoutMs: number, maxWaiting: number) {
    const exchange = GATEWAY_EXCHANGE;
    this.#publishers = new BatchPublishers({ publisher, exchange, stage: 'live', timeoutMs, maxWaiting });
  }

  /**
   * @param pending settled when the broker has confirmed the receipt, or with an error if the outcome is unknown
   * @returns false: not now, it has to take the other way
   */
  send(confirmation: Confirmation, reply: Target, pending: Pending): boolean {
    const { gateway } = reply;
    if (!this.#takes(gateway)) return false;
    const settled = (error?: Error) => {
      if (error) this.#avoided.set(gateway, performance.now() + AVOIDED_MS);
      else live.inc();
      pending.settled(error);
    };
    this.#publishers.to(gateway).add(JSON.stringify(receiptFor(reply, confirmation)), { settled });
    return true;
  }

  /** Closes idle publishers: gateways come and go. */
  prune(): void {
    this.#publishers.prune();
    for (const [gateway, until] of this.#avoided)
      if (until <= performance.now()) this.#avoided.delete(gateway);
  }

  drained(): Promise<void> {
    return this.#publishers.drained();
  }

  #takes(gateway: string): boolean {
    if ((this.#avoided.get(gateway) ?? 0) > performance.now()) return false;
    return this.#publishers.busyBeside(gateway) < GATEWAYS_AT_A_TIME;
  }
}

function receiptFor(reply: Target, confirmation: Confirmation): LiveReceipt {
  const { from: user, id, to, at, sentAt, origin: copy, traceparent: parent } = confirmation;
  const { session } = reply;
  trace('receipt live', user, id, { state: 'delivered', sessions: [reply] });
  const span = nextSpan('receipt', parent, user, id);
  span?.end('live');
  const traceparent = span?.traceparent ?? parent;
  const receipt = { user, id, to, state: 'delivered' as const, at, sentAt, copy, traceparent };
  return { kind: 'receipt', session, ...receipt, addressed: true };
}
