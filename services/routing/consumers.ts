import type { ChannelModel } from 'amqplib';
import type { GatewayEntry, RouteEntry } from '#libs/broker/entries.ts';
import type { DeliveryBatcher } from '#libs/broker/delivery-batcher.ts';
import { Consumer } from '#libs/broker/consumer.ts';
import { FINISH_WITHIN_MS, type SuspendableConsumers } from '#libs/broker/health-gate.ts';
import { RETURNED_QUEUE } from '#libs/broker/topology.ts';
import type { Erasures } from './erasures.ts';
import type { Heirs } from './heirs.ts';
import type { Partitions } from './partitions.ts';
import type { MailboxWorker } from './mailbox-worker.ts';
import type { Signals } from './signals.ts';

export interface ConsumersParts {
  partitions: Partitions;
  heirs: Heirs;
  router: DeliveryBatcher<RouteEntry>;
  returned: DeliveryBatcher<GatewayEntry>;
  mailboxWorker: MailboxWorker;
  erasures: Erasures;
  signals: Pick<Signals, 'consume'>;
  prefetch: number;
  onLost: () => void;
}

/** The consumers of routing: the route queues, `sixfold.returned`, and gateways' queues as heir. */
export class Consumers implements SuspendableConsumers {
  readonly #parts: ConsumersParts;
  #returned: Consumer | undefined;

  constructor(parts: ConsumersParts) {
    this.#parts = parts;
  }

  readonly open = async (connection: ChannelModel): Promise<void> => {
    const { partitions, heirs, returned, prefetch, onLost } = this.#parts;
    heirs.open(connection);
    const { receive } = returned;
    this.#returned = await Consumer.open(connection, {
      queue: RETURNED_QUEUE,
      prefetch,
      receive,
      onLost,
    });
    await partitions.open(connection);
    this.#parts.signals.consume(true);
  };

  readonly close = (): void => {
    this.#parts.signals.consume(false);
    this.#parts.partitions.lost();
    this.#parts.heirs.lost();
    this.#returned = undefined;
  };

  readonly returnToBroker = (): Promise<void> => this.#close(FINISH_WITHIN_MS);

  get idle(): boolean {
    const { router, returned, mailboxWorker, erasures } = this.#parts;
    return router.idle && returned.idle && mailboxWorker.idle && erasures.idle;
  }

  /** Finishes the current batches, and returns the rest to the broker, in order. */
  async stop(): Promise<void> {
    const { router, returned, mailboxWorker, erasures } = this.#parts;
    await Promise.all(
      [router, returned, mailboxWorker, erasures].map((part) => part.stop()).concat(this.#close()),
    );
  }

  async #close(finishWithinMs?: number): Promise<void> {
    const { partitions, heirs, signals } = this.#parts;
    signals.consume(false);
    const returned = this.#returned;
    this.#returned = undefined;
    await Promise.all([
      partitions.close(finishWithinMs),
      heirs.close(finishWithinMs),
      returned?.close(finishWithinMs),
    ]);
  }
}
