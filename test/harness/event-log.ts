import amqp, { type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { Event } from '#libs/events/event.ts';
import { EVENTS_EXCHANGE } from '#libs/broker/topology.ts';
import type { Stack } from './running-stack.ts';
import { until } from './wait.ts';

const REFUSING = 'refusing';

/** Fields that an event must have. */
type Wanted = Readonly<Record<string, unknown>>;

/** A consumer of events, with a queue of its own, as a back end has it. */
export class EventLog implements AsyncDisposable {
  /** In the order in which they came. */
  readonly events: Event[] = [];
  /** What they came in. */
  readonly messages: ConsumeMessage[] = [];
  readonly #connection: ChannelModel;
  readonly #channel: Channel;
  readonly #queue: string;

  private constructor(connection: ChannelModel, channel: Channel, queue: string) {
    this.#connection = connection;
    this.#channel = channel;
    this.#queue = queue;
  }

  static async open(stack: Stack, pattern = '#'): Promise<EventLog> {
    const connection = await amqp.connect(stack.amqpUrl);
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const log = new EventLog(connection, channel, queue);
    await channel.bindQueue(queue, EVENTS_EXCHANGE, pattern);
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return;
        log.messages.push(message);
        const events = Event.array().parse(JSON.parse(message.content.toString()));
        log.events.push(...events);
      },
      { noAck: true },
    );
    return log;
  }

  all(wanted: Wanted): Event[] {
    return this.events.filter((event) =>
      Object.entries(wanted).every(([name, value]) => (event as Wanted)[name] === value),
    );
  }

  /** Waits for an event. @returns the first one */
  async next(wanted: Wanted, timeoutMs?: number): Promise<Event> {
    await this.count(wanted, 1, timeoutMs);
    const [first] = this.all(wanted);
    if (!first) throw new Error('it was there a moment ago');
    return first;
  }

  /** Waits for so many events. */
  async count(wanted: Wanted, count: number, timeoutMs?: number): Promise<void> {
    await until(() => this.all(wanted).length >= count, {
      what: `${count} of ${JSON.stringify(wanted)}`,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  }

  /**
   * The broker confirms no event any more, since a queue refuses them; what is published meanwhile does not come here.
   *
   * @returns ends it
   */
  async refuse(): Promise<() => Promise<void>> {
    await this.#channel.unbindQueue(this.#queue, EVENTS_EXCHANGE, '#');
    const full = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    await this.#channel.assertQueue(REFUSING, { arguments: full });
    this.#channel.sendToQueue(REFUSING, Buffer.from('full'));
    await until(async () => (await this.#channel.checkQueue(REFUSING)).messageCount === 1, {
      what: 'the queue to be full',
    });
    await this.#channel.bindQueue(REFUSING, EVENTS_EXCHANGE, '#');
    return async () => {
      await this.#channel.bindQueue(this.#queue, EVENTS_EXCHANGE, '#');
      await this.#channel.deleteQueue(REFUSING);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}
