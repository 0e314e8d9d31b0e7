import type { ChannelModel } from 'amqplib';
import type { AckEntry } from '#libs/broker/entries.ts';
import type { DeliveryBatcher } from '#libs/broker/delivery-batcher.ts';
import { Consumer } from '#libs/broker/consumer.ts';
import { FINISH_WITHIN_MS, type SuspendableConsumers } from '#libs/broker/health-gate.ts';
import { ACK_QUEUE } from '#libs/broker/topology.ts';

/** The consumer of the ack service: confirmations, which the broker distributes among the instances. */
export class Consumers implements SuspendableConsumers {
  readonly #reader: DeliveryBatcher<AckEntry>;
  readonly #prefetch: number;
  readonly #onLost: () => void;
  #consumer: Consumer | undefined;

  constructor(reader: DeliveryBatcher<AckEntry>, prefetch: number, onLost: () => void) {
    this.#reader = reader;
    this.#prefetch = prefetch;
    this.#onLost = onLost;
  }

  get idle(): boolean {
    return this.#reader.idle;
  }

  readonly open = async (connection: ChannelModel): Promise<void> => {
    const { receive } = this.#reader;
    const options = { queue: ACK_QUEUE, prefetch: this.#prefetch, receive, onLost: this.#onLost };
    this.#consumer = await Consumer.open(connection, options);
  };

  readonly close = (): void => {
    this.#consumer = undefined;
  };

  readonly returnToBroker = async (): Promise<void> => {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    await consumer?.close(FINISH_WITHIN_MS);
  };

  /** Finishes the current batch and returns the rest. */
  async leave(): Promise<void> {
    await Promise.all([this.#reader.stop(), this.#consumer?.close()]);
  }
}
