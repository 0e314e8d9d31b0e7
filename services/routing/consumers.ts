import type { ChannelModel } from 'amqplib';
import type { GatewayEntry, RouteEntry } from '#libs/broker/entries.ts';
import type { Reader } from '#libs/broker/reader.ts';
import { Subscription } from '#libs/broker/subscription.ts';
import { FINISH_WITHIN_MS, type Suspendable } from '#libs/broker/suspension.ts';
import { RETURNED_QUEUE } from '#libs/broker/topology.ts';
import type { Heirs } from './heirs.ts';
import type { Partitions } from './partitions.ts';
import type { Mailboxes } from './mailboxes.ts';

export interface ConsumersParts {
  partitions: Partitions;
  heirs: Heirs;
  router: Reader<RouteEntry>;
  returned: Reader<GatewayEntry>;
  mailboxes: Mailboxes;
  prefetch: number;
  onLost: () => void;
}

/** All that routing consumes: the route queues, what was returned, and the queues of gateways as their heir. */
export class Consumers implements Suspendable {
  readonly #parts: ConsumersParts;
  #returned: Subscription | undefined;

  constructor(parts: ConsumersParts) {
    this.#parts = parts;
  }

  readonly open = async (connection: ChannelModel): Promise<void> => {
    const { partitions, heirs, returned, prefetch, onLost } = this.#parts;
    heirs.open(connection);
    const { receive } = returned;
    this.#returned = await Subscription.open(connection, {
      queue: RETURNED_QUEUE,
      prefetch,
      receive,
      onLost,
    });
    await partitions.open(connection);
  };

  readonly close = (): void => {
    this.#parts.partitions.lost();
    this.#parts.heirs.lost();
    this.#returned = undefined;
  };

  readonly giveBack = (): Promise<void> => this.#close(FINISH_WITHIN_MS);

  get idle(): boolean {
    const { router, returned, mailboxes } = this.#parts;
    return router.idle && returned.idle && mailboxes.idle;
  }

  /** Finishes the batches in hand, and gives everything else back, in order. */
  async leave(): Promise<void> {
    const { router, returned, mailboxes } = this.#parts;
    await Promise.all([router.stop(), returned.stop(), mailboxes.stop(), this.#close()]);
  }

  async #close(finishWithinMs?: number): Promise<void> {
    const { partitions, heirs } = this.#parts;
    const returned = this.#returned;
    this.#returned = undefined;
    await Promise.all([
      partitions.close(finishWithinMs),
      heirs.close(finishWithinMs),
      returned?.close(finishWithinMs),
    ]);
  }
}
