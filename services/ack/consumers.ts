import type { ChannelModel } from 'amqplib';
import type { AckEntry } from '#libs/broker/entries.ts';
import type { Reader } from '#libs/broker/reader.ts';
import { Subscription } from '#libs/broker/subscription.ts';
import { FINISH_WITHIN_MS, type Suspendable } from '#libs/broker/suspension.ts';
import { ACK_QUEUE } from '#libs/broker/topology.ts';

/** All that the ack service consumes: the confirmations, which the broker shares out among the instances. */
export class Consumers implements Suspendable {
  readonly #reader: Reader<AckEntry>;
  readonly #prefetch: number;
  readonly #onLost: () => void;
  #subscription: Subscription | undefined;

  constructor(reader: Reader<AckEntry>, prefetch: number, onLost: () => void) {
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
    this.#subscription = await Subscription.open(connection, options);
  };

  readonly close = (): void => {
    this.#subscription = undefined;
  };

  readonly giveBack = async (): Promise<void> => {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.close(FINISH_WITHIN_MS);
  };

  /** Finishes the current batch and returns the rest. */
  async leave(): Promise<void> {
    await Promise.all([this.#reader.stop(), this.#subscription?.close()]);
  }
}
