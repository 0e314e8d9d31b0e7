import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { BrokerError } from './errors.ts';

/** A message, and where it goes. */
export interface Publish {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
}

type Settle = (error?: BrokerError) => void;

/** What a lane asks of its publisher. */
export interface DestinationChannelOwner {
  /** Whether the channel's connection is there. */
  readonly connected: boolean;
  /** The broker does not confirm, or there is no channel: everything that was published on the lane has failed. */
  lost(channel: DestinationChannel): void;
}

/** The channel of one destination, and the messages on it that wait for their confirm. */
export class DestinationChannel {
  /** Nothing more is published on it; it closes with its last confirm. */
  retired = false;
  readonly #channel: Promise<ConfirmChannel>;
  #open: ConfirmChannel | undefined;
  /** In order of publishing. */
  readonly #unconfirmed = new Set<Settle>();
  readonly #returned = new Set<string>();
  readonly #owner: DestinationChannelOwner;
  #count = 0;

  constructor(connection: ChannelModel, owner: DestinationChannelOwner) {
    this.#owner = owner;
    this.#channel = openChannel(connection, (message) =>
      this.#returned.add(String(message.properties.messageId)),
    );
    this.#channel.then(
      (channel) => (this.#open = channel),
      () => owner.lost(this),
    );
  }

  get idle(): boolean {
    return this.#unconfirmed.size === 0;
  }

  /** @param settled told once: confirmed, or why not */
  publish(message: Publish, timeoutMs: number, settled: Settle): void {
    const settle = (error?: BrokerError) => {
      if (!this.#unconfirmed.delete(settle)) return;
      clearTimeout(late);
      settled(error);
    };
    const late = setTimeout(() => this.#lose(settle, new BrokerError('timeout')), timeoutMs);
    this.#unconfirmed.add(settle);
    // What fails before the channel is open still goes out then: its outcome is unknown, like that of any other.
    if (this.#open) this.#send(this.#open, message, settle);
    else
      this.#channel.then(
        (channel) => this.#send(channel, message, settle),
        (cause: unknown) => settle(new BrokerError('closed', { cause })),
      );
  }

  /** Resolves when the channel is closed; never, if the broker does not answer. */
  async close(): Promise<void> {
    await this.#channel.then((channel) => channel.close()).catch(() => undefined); // closed already
  }

  #send(channel: ConfirmChannel, { exchange, routingKey, content }: Publish, settle: Settle): void {
    const messageId = String(++this.#count);
    const options = { persistent: true, mandatory: true, messageId };
    try {
      channel.publish(exchange, routingKey, content, options, (cause: unknown) => {
        const unroutable = this.#returned.delete(messageId);
        if (cause && this.#owner.connected) this.#lose(settle, new BrokerError('nacked', { cause }));
        else if (cause) settle(new BrokerError('closed', { cause }));
        else settle(unroutable ? new BrokerError('unroutable') : undefined);
      });
    } catch (cause) {
      settle(new BrokerError('closed', { cause })); // amqplib throws on a channel that is closing
    }
  }

  /** What was published later waits no longer either; each is told, in order of publishing. */
  #lose(first: Settle, error: BrokerError): void {
    if (!this.#unconfirmed.has(first)) return; // lost with another one
    first(error);
    for (const settle of this.#unconfirmed) settle(new BrokerError(error.code, { cause: error.cause }));
    this.#owner.lost(this);
  }
}

async function openChannel(
  connection: ChannelModel,
  onReturn: (message: Message) => void,
): Promise<ConfirmChannel> {
  const channel = await connection.createConfirmChannel();
  // A channel error closes the connection's whole set-up: simpler to reason about than a half-open link.
  channel.on('error', () => void connection.close().catch(() => undefined));
  channel.on('return', onReturn);
  return channel;
}
