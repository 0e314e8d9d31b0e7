import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import {
  ACK_QUEUE,
  declareGatewayQueue,
  gatewayQueue,
  partitionOf,
  RETURNED_QUEUE,
  routeQueue,
} from '#libs/broker/topology.ts';
import { publishTo } from './queues.ts';
import type { Stack } from './running-stack.ts';
import { until } from './wait.ts';
import { OLD, type OldEntry, type OldGatewayEntry, readByOld } from './wire-0.2.0.ts';

/** Of every stack of the tests. */
const PARTITIONS = 8;

type Of<K> = Extract<OldGatewayEntry, { kind: K }>;

/** A gateway that reads and writes entries exactly as version 0.2.0. Its sessions are names only. */
export class OldGateway implements AsyncDisposable {
  /** All that came, as text. */
  readonly raw: string[] = [];
  /** What it put into `sixfold.dead`. */
  readonly dead: string[] = [];
  readonly #read: OldGatewayEntry[] = [];
  readonly #name: string;
  readonly #broker: ChannelModel;
  readonly #channel: ConfirmChannel;

  private constructor(name: string, broker: ChannelModel, channel: ConfirmChannel) {
    this.#name = name;
    this.#broker = broker;
    this.#channel = channel;
  }

  /** Starts one and waits for its lease. */
  static async start(stack: Stack, name = 'old.1'): Promise<OldGateway> {
    const broker = await amqp.connect(stack.amqpUrl);
    const channel = await broker.createConfirmChannel();
    const gateway = new OldGateway(name, broker, channel);
    await declareGatewayQueue(channel, name, 'quorum');
    await channel.consume(gatewayQueue(name), (delivery) => {
      if (!delivery) return;
      gateway.#receive(delivery.content.toString());
      channel.ack(delivery);
    });
    await gateway.#route(name, { kind: 'lease', gateway: name, first: true, asked: 1 });
    await gateway.next('lease-granted', () => true);
    return gateway;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker.close();
  }

  async logIn(user: string): Promise<void> {
    const device = 'default';
    const up = { user, device, session: user, gateway: this.#name, since: Date.now(), again: false };
    await this.#route(user, { kind: 'session-up', ...up });
    await this.next('registered', ({ session }) => session === user);
  }

  /** @returns when it was accepted */
  async send(from: string, to: string, id: string): Promise<number> {
    const at = Date.now();
    await this.#route(to, { kind: 'message', from, id, to, body: '"hello"', at, seq: 3 });
    return at;
  }

  /** A client answered this message. */
  confirm({ from, id, to }: Of<'message'>): Promise<void> {
    return this.#put(ACK_QUEUE, { kind: 'ack', from, id, to, at: Date.now() });
  }

  /** The client that this message was for is gone. */
  giveBack(message: Of<'message'>): Promise<void> {
    return this.#put(RETURNED_QUEUE, { ...message, returned: 'disconnected' });
  }

  pull(user: string, ask: number): Promise<void> {
    return this.#route(user, { kind: 'pull', user, session: user, gateway: this.#name, limit: 100, ask });
  }

  confirmKeys(user: string, ...keys: string[]): Promise<void> {
    return this.#route(user, { kind: 'confirm', user, keys });
  }

  /** Waits for an entry that it can read. */
  async next<K extends OldGatewayEntry['kind']>(kind: K, fits: (entry: Of<K>) => boolean): Promise<Of<K>> {
    const isIt = (entry: OldGatewayEntry): entry is Of<K> => entry.kind === kind && fits(entry as Of<K>);
    await until(() => this.#read.some(isIt), { what: `the old gateway to get ${kind}` });
    const [found] = this.#read.filter(isIt);
    if (!found) throw new Error('it was there');
    return found;
  }

  #receive(content: string): void {
    for (const entry of JSON.parse(content) as unknown[]) this.raw.push(JSON.stringify(entry));
    const { entries, unreadable } = readByOld(OLD.gateway, ...(JSON.parse(content) as unknown[]));
    this.#read.push(...entries);
    this.dead.push(...unreadable.map((letter) => letter.content));
  }

  readonly #route = (user: string, entry: OldEntry) =>
    this.#put(routeQueue(partitionOf(user, PARTITIONS)), entry);

  readonly #put = (queue: string, entry: OldEntry) =>
    publishTo(this.#channel, queue, JSON.stringify([entry]));
}
