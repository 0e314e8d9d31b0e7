import type { Channel, ConsumeMessage } from 'amqplib';

/**
 * How long a delivery that is dealt with may wait for others to be acknowledged with, milliseconds. A quorum queue writes
 * each acknowledgement to its log, and syncs it, as it does a message: together they cost a third less of both.
 */
export const LINGER_MS = 20;

/** Those that have something to acknowledge. One timer for all channels of a process: it wakes, and the broker, once. */
const waiting = new Set<AckBatcher>();
let timer: NodeJS.Timeout | undefined;

/** Acknowledges what has gathered on all channels: before their connection is ended. */
export function flushAcks(): void {
  clearTimeout(timer);
  timer = undefined;
  for (const acks of [...waiting]) acks.flush();
}

/**
 * Acknowledges the deliveries of one channel, in groups. Those up to the first that is not dealt with go as one
 * (AMQP 0-9-1: basic.ack, `multiple`), those behind it one by one.
 */
export class AckBatcher {
  readonly #channel: Channel;
  readonly #most: number;
  /** Tags of deliveries to acknowledge. */
  readonly #settled = new Set<number>();
  /** Acknowledged though one before them is not: at most what comes in while a user does not answer (ACK_TIMEOUT_MS). */
  readonly #ahead = new Set<number>();
  /** Everything up to this tag is acknowledged. A channel counts its deliveries from 1. */
  #through = 0;

  /** @param prefetch what the channel takes at most: before much of that is held up, the group goes */
  constructor(channel: Channel, prefetch: number) {
    this.#channel = channel;
    this.#most = prefetch / 4;
  }

  /** The delivery is dealt with. */
  add(tag: number): void {
    this.#settled.add(tag);
    if (this.#settled.size >= this.#most) this.flush();
    else {
      waiting.add(this);
      timer ??= setTimeout(flushAcks, LINGER_MS).unref();
    }
  }

  /** Acknowledges what has gathered. */
  flush(): void {
    waiting.delete(this);
    const last = this.#advance();
    try {
      // Never by a tag that is acknowledged already: RabbitMQ would take that for a mistake, and close the channel (406).
      if (last !== undefined) this.#ack(last, true);
      for (const tag of this.#settled) this.#ack(tag, false);
    } catch (error) {
      // The channel is closing: there is nothing to acknowledge, the broker gives the messages to somebody else.
      if (!(error instanceof Error) || error.name !== 'IllegalOperationError') throw error;
    }
    for (const tag of this.#settled) this.#ahead.add(tag);
    this.#settled.clear();
  }

  /** The channel is gone. */
  drop(): void {
    waiting.delete(this);
  }

  /** Takes what follows without a gap. @returns the last tag of it that is not acknowledged yet */
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
