import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import { parseEntries } from '#libs/broker/dead-letters.ts';
import { DEAD_QUEUE } from '#libs/broker/topology.ts';
import type { SeededRandom } from '../testkit/seeded-random.ts';
import { until } from '../stack/until.ts';
import { forgeryOf } from './forgeries.ts';

/** Messages kept for the recording. */
const REMEMBERED = 50;

/** Somebody who may write to the broker: publishes what no service would, and looks for it in `sixfold.dead`. */
export class Forger {
  published = 0;
  /** A fault of the dead letters. */
  fault: string | undefined;
  /** The latest messages: queue, and content in Base64. */
  readonly latest: { queue: string; content: string }[] = [];
  buried = 0;
  /** Unreadable entries that are not in the dead queue yet, by their text. */
  readonly #missing = new Map<string, number>();
  readonly #connection: ChannelModel;
  readonly #channel: ConfirmChannel;

  private constructor(connection: ChannelModel, channel: ConfirmChannel) {
    this.#connection = connection;
    this.#channel = channel;
  }

  static async open(amqpUrl: string): Promise<Forger> {
    const connection = await amqp.connect(amqpUrl);
    connection.on('error', () => undefined); // publishing fails with it
    const channel = await connection.createConfirmChannel();
    const forger = new Forger(connection, channel);
    await channel.consume(DEAD_QUEUE, (letters) => forger.#received(letters?.content), { noAck: true });
    return forger;
  }

  /** Publishes one message. @param gateway whose queue may be written to */
  async publish(random: SeededRandom, gateway: string): Promise<void> {
    const { exchange = '', queue, buried, content, schema, options } = forgeryOf(random, gateway);
    this.latest.push({ queue, content: content.subarray(0, 100_000).toString('base64') });
    if (this.latest.length > REMEMBERED) this.latest.shift();
    for (const letter of buried ? parseEntries(content, { schema }).unreadable : [])
      this.#missing.set(letter.content, (this.#missing.get(letter.content) ?? 0) + 1);
    this.published++;
    this.#channel.publish(exchange, queue, content, { persistent: true, ...options });
    await this.#channel.waitForConfirms();
  }

  /** Resolves when all unreadable entries are dead letters. @throws Error naming one that is not */
  async settled(timeoutMs: number): Promise<void> {
    await until(() => this.#missing.size === 0, { what: 'dead letters', timeoutMs }).catch(
      (cause: unknown) => {
        const [text = ''] = this.#missing.keys();
        throw new Error(`${this.#missing.size} not in ${DEAD_QUEUE}, such as ${text.slice(0, 300)}`, {
          cause,
        });
      },
    );
  }

  async close(): Promise<void> {
    await this.#connection.close().catch(() => undefined); // it may be closed already
  }

  #received(content: Buffer | undefined): void {
    if (!content) return;
    for (const letter of JSON.parse(content.toString()) as { reason?: unknown; content: string }[]) {
      this.buried++;
      if (typeof letter.reason !== 'string' || letter.reason === '')
        this.fault = 'a dead letter without a reason';
      const left = (this.#missing.get(letter.content) ?? 0) - 1;
      if (left > 0) this.#missing.set(letter.content, left);
      else this.#missing.delete(letter.content);
    }
  }
}
