import type { Channel, ConsumeMessage } from 'amqplib';

/**
 * How long a settled delivery may wait so that several are acknowledged together, milliseconds. A quorum queue writes
 * and syncs each acknowledgement like a message: batching saves a third of both.
 */
export const LINGER_MS = 20;

/**
 * Batchers with pending acknowledgements. All channels of a process share one timer, so that process and broker wake
 * once.
 */
const waiting = new Set<AckBatcher>();
let timer: NodeJS.Timeout | undefined;

/** Sends the pending acknowledgements of all channels. Call it before their connection ends. */
export function flushAcks(): void {
  clearTimeout(timer);
  timer = undefined;
  for (const acks of [...waiting]) acks.flush();
}

/**
 * Acknowledges the deliveries of one channel in batches. All up to the first unsettled delivery take one frame (AMQP
 * 0-9-1: basic.ack, `multiple`); those behind it take one frame each.
 */
export class AckBatcher {
  readonly #channel: Channel;
  readonly #most: number;
  /** Tags of deliveries to acknowledge. */
  readonly #settled = new Set<number>();
  /** Acknowledged out of order. Bounded by what arrives while one user does not answer (ACK_TIMEOUT_MS). */
  readonly #ahead = new Set<number>();
  /** Everything up to this tag is acknowledged. A channel counts its deliveries from 1. */
  #through = 0;

  /** @param prefetch of the channel: a quarter of it pending triggers a flush */
  constructor(channel: Channel, prefetch: number) {
    this.#channel = channel;
    this.#most = prefetch / 4;
  }

  /** The delivery is settled. */
  add(tag: number): void {
    this.#settled.add(tag);
    if (this.#settled.size >= this.#most) this.flush();
    else {
      waiting.add(this);
      timer ??= setTimeout(flushAcks, LINGER_MS).unref();
    }
  }

  /** Sends the pending acknowledgements. */
  flush(): void {
    waiting.delete(this);
    const last = this.#advance();
    try {
      // Never repeat a tag: RabbitMQ closes the channel on an unknown one (406).
      if (last !== undefined) this.#ack(last, true);
      for (const tag of this.#settled) this.#ack(tag, false);
    } catch (error) {
      // The channel is closing: the broker redelivers its messages, nothing is left to acknowledge.
      if (!(error instanceof Error) || error.name !== 'IllegalOperationError') throw error;
    }
    for (const tag of this.#settled) this.#ahead.add(tag);
    this.#settled.clear();
  }

  /** The channel is gone. */
  drop(): void {
    waiting.delete(this);
  }

  /** Advances over settled tags without a gap. @returns the last one that is not acknowledged yet */
  #advance(): number | undefined {
    let last: number | undefined;
    for (;;) {
      const next = this.#through + 1;
      if (this.#settled.delete(next)) last = next;
      else if (!this.#ahead.delete(next)) return last;
      this.#through = next;
    }
  }

  #ack(deliveryTag: number, multiple: boolean): void {
    this.#channel.ack({ fields: { deliveryTag } } as ConsumeMessage, multiple);
  }
}
