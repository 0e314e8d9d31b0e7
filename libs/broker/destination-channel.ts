import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { BrokerError } from './errors.ts';
import { EVENTS_EXCHANGE } from './topology.ts';

/** A message, and where it goes. */
export interface Publish {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  /** Milliseconds since the Unix epoch. */
  readonly publishedAt: number;
}

type Settle = (error?: BrokerError) => void;

/** What a channel needs from its publisher. */
export interface DestinationChannelOwner {
  /** Whether the channel's connection is up. */
  readonly connected: boolean;
  /** The broker does not confirm, or the channel did not open: everything published on it has failed. */
  lost(channel: DestinationChannel): void;
}

/** The confirm channel of one destination, with its unconfirmed messages. */
export class DestinationChannel {
  /** Takes no further publishes; closes after its last confirm. */
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

  /** @param settled called once: without an error when confirmed */
  publish(message: Publish, timeoutMs: number, settled: Settle): void {
    const settle = (error?: BrokerError) => {
      if (!this.#unconfirmed.delete(settle)) return;
      clearTimeout(late);
      settled(error);
    };
    const late = setTimeout(() => this.#lose(settle, new BrokerError('timeout')), timeoutMs);
    this.#unconfirmed.add(settle);
    // A message that times out before the channel opens is still sent then: its outcome is unknown.
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

  #send(channel: ConfirmChannel, message: Publish, settle: Settle): void {
    const { exchange, routingKey, content, publishedAt } = message;
    const messageId = String(++this.#count);
    const timestamp = Math.floor(publishedAt / 1_000); // AMQP: seconds
    const options = {
      persistent: true,
      mandatory: exchange !== EVENTS_EXCHANGE, // an event that no queue is bound for is nobody's
      messageId,
      timestamp,
      contentType: 'application/json',
    };
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

  /** Fails the first message and all later unconfirmed ones, in order of publishing. */
  #lose(first: Settle, error: BrokerError): void {
    if (!this.#unconfirmed.has(first)) return; // failed already
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
  // A channel error closes the whole connection: simpler than a half-open one.
  channel.on('error', () => void connection.close().catch(() => undefined));
  channel.on('return', onReturn);
  return channel;
}
