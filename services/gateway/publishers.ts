import type { AckEntry, Confirmation, RouteEntry } from '#libs/broker/entries.ts';
import { BatchPublisher } from '#libs/broker/batch-publisher.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import type { SlowSessionsReport } from '#libs/broker/slow-sessions-report.ts';
import {
  ACK_QUEUE,
  GATEWAY_EXCHANGE,
  partitionOf,
  RETURNED_QUEUE,
  routeQueue,
} from '#libs/broker/topology.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import type { GatewayConfig } from './config.ts';
import { DirectReceipts } from './direct-receipts.ts';

/** Text that may wait for one queue, all clients together, UTF-16 units; further packets are `unavailable`. */
const MAX_WAITING = 16 * 1024 * 1024;
const NO_ENTRIES = Buffer.from('[]');

/** The gateway's publishers. Entries that a client waits for fail in time; returned entries are kept until confirmed. */
export class Publishers {
  readonly returned: BatchPublisher;
  readonly #ack: BatchPublisher;
  readonly #receipts: DirectReceipts;
  readonly #route: BatchPublisher[];
  readonly #direct: { publisher: Publisher; timeoutMs: number };

  constructor(publisher: Publisher, { CONFIRM_TIMEOUT_MS, ROUTE_PARTITIONS }: GatewayConfig) {
    const inTime = { publisher, exchange: '', timeoutMs: CONFIRM_TIMEOUT_MS, maxWaiting: MAX_WAITING };
    this.#route = Array.from(
      { length: ROUTE_PARTITIONS },
      (_, p) => new BatchPublisher({ ...inTime, routingKey: routeQueue(p), stage: 'route' }),
    );
    this.#ack = new BatchPublisher({ ...inTime, routingKey: ACK_QUEUE, stage: 'ack' });
    this.#receipts = new DirectReceipts(publisher, CONFIRM_TIMEOUT_MS, MAX_WAITING);
    this.#direct = { publisher, timeoutMs: CONFIRM_TIMEOUT_MS };
    this.returned = new BatchPublisher({
      publisher,
      exchange: '',
      routingKey: RETURNED_QUEUE,
      stage: 'returned',
    });
  }

  /** To the partition of a user (or of a gateway, for its lease). */
  route(user: string, entry: RouteEntry, pending?: Pending): void {
    this.#route[partitionOf(user, this.#route.length)]?.add(JSON.stringify(entry), pending);
  }

  ack(entry: AckEntry, pending: Pending): void {
    this.#ack.add(JSON.stringify(entry), pending);
  }

  /** A confirmation that is nobody's news but the sender's: past the ack service, if that is possible now. */
  confirm(entry: Confirmation, pending: Pending): void {
    if (!entry.reply || !this.#receipts.send(entry, entry.reply, pending)) this.ack(entry, pending);
  }

  /** Publishes a report to an operator. Never repeated: another report is as good. */
  report(queue: string, report: SlowSessionsReport): void {
    const { publisher, timeoutMs } = this.#direct;
    void publisher
      .publish('', queue, Buffer.from(JSON.stringify(report)), timeoutMs)
      .catch(() => undefined) // the operator is told when no answer comes
      .finally(() => publisher.release('', queue));
  }

  /** The heirs have the messages that wait to be returned, so no copy is published. */
  forgetReturned(): void {
    this.returned.forget(new Error('the incarnation is over'));
  }

  /** Publishes an empty batch to this gateway itself, as routing would. @throws BrokerError */
  async probe(gateway: string): Promise<void> {
    const { publisher, timeoutMs } = this.#direct;
    try {
      await publisher.publish(GATEWAY_EXCHANGE, gateway, NO_ENTRIES, timeoutMs);
    } finally {
      publisher.release(GATEWAY_EXCHANGE, gateway);
    }
  }

  /** Closes idle publishers to other gateways. */
  prune(): void {
    this.#receipts.prune();
  }

  async drained(): Promise<void> {
    await Promise.all(
      [this.returned, this.#ack, this.#receipts, ...this.#route].map((outbox) => outbox.drained()),
    );
  }
}
