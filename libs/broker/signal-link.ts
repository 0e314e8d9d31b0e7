import type { Duplex } from 'node:stream';
import type { Channel, ChannelModel, MessageProperties } from 'amqplib';
import { socketOf } from './amqp-socket.ts';
import type { Broker, ConnectionSetup, SignalConnection } from './broker.ts';
import { dropSignals } from './metrics.ts';
import type { SignalBatch } from './signal-inbox.ts';

export interface SignalLinkOptions {
  broker: Pick<Broker, 'connectSignals'>;
  /** Where they are published. */
  exchange: string;
  /** Declares what is needed. @returns the queue to consume */
  declare: (channel: Channel) => Promise<string>;
  receive: (batch: SignalBatch) => void;
}

/** Most bytes that may wait for the broker; more is dropped. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** Header of an AMQP message: how many signals it carries. */
const COUNT = 'signals';

/**
 * A channel for signals: publishes without confirms, not persistent, and consumes without acknowledgements. What the
 * broker does not take at once is dropped, and so is what it has no queue for (`mandatory`).
 */
export class SignalLink implements ConnectionSetup {
  readonly #options: SignalLinkOptions;
  #connection: SignalConnection | undefined;
  #channel: Channel | undefined;
  #socket: Duplex | undefined;
  /** The channel takes no more. */
  #full = false;
  /** Bytes published since the socket took everything. */
  #unsent = 0;
  #wanted = false;
  /** What consumes; set while it does. */
  #consumer: string | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(options: SignalLinkOptions) {
    this.#options = options;
  }

  /** Connects. @returns ends it */
  start(): () => Promise<void> {
    this.#connection = this.#options.broker.connectSignals(this);
    return () => this.#connection?.stop() ?? Promise.resolve();
  }

  readonly open = async (connection: ChannelModel): Promise<void> => {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined); // a 'close' follows
    channel.on('close', () => {
      if (this.#channel === channel) this.#connection?.reset();
    });
    channel.on('drain', () => (this.#full = false));
    channel.on('return', ({ properties }) => dropSignals(countOf(properties)));
    this.#full = false;
    this.#consumer = undefined;
    this.#channel = channel;
    this.#socket = socketOf(connection);
    await this.#apply();
  };

  readonly close = (): void => {
    this.#channel = undefined;
    this.#consumer = undefined;
  };

  /** Whether signals are consumed, as soon as there is a connection. */
  consume(wanted: boolean): void {
    this.#wanted = wanted;
    this.#changing = this.#changing.then(() => this.#apply()).catch(() => this.#connection?.reset());
  }

  readonly publish = (routingKey: string, content: Buffer, count: number): void => {
    const channel = this.#channel;
    if (!this.#socket?.writableNeedDrain) this.#unsent = 0;
    const full = this.#full || this.#unsent > MAX_UNSENT_BYTES;
    if (!channel || full || this.#connection?.blocked) {
      dropSignals(count);
      return;
    }
    const options = { persistent: false, mandatory: true, headers: { [COUNT]: count } };
    try {
      this.#unsent += content.length;
      this.#full = !channel.publish(this.#options.exchange, routingKey, content, options);
    } catch {
      dropSignals(count); // amqplib throws on a channel that is closing
    }
  };

  async #apply(): Promise<void> {
    const channel = this.#channel;
    const { declare, receive } = this.#options;
    if (!channel || this.#wanted === (this.#consumer !== undefined)) return;
    if (this.#consumer !== undefined) {
      await channel.cancel(this.#consumer);
      this.#consumer = undefined;
      return;
    }
    const { consumerTag } = await channel.consume(
      await declare(channel),
      (message) => {
        if (message) receive({ content: message.content, count: countOf(message.properties) });
        else this.#connection?.reset(); // the queue was deleted
      },
      { noAck: true },
    );
    this.#consumer = consumerTag;
  }
}

function countOf({ headers }: MessageProperties): number {
  const count: unknown = headers?.[COUNT];
  return typeof count === 'number' && count > 0 ? count : 1;
}
