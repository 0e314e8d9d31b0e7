import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { connect } from '#libs/client/index.ts';
import { ReturnReason } from '#libs/broker/entries.ts';
import { partitionOf } from '#libs/broker/topology.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** G4: messages arrive in the order sent, also pipelined without pause and with several routing instances. */

const PARTITIONS = 8;
const PATIENCE_MS = 60_000;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({
    routing: 3,
    env: {
      ROUTE_PARTITIONS: String(PARTITIONS),
      RATE_LIMIT_PER_S: '1000000',
      RATE_BURST: '1000000',
      // A slow machine is no failure.
      CONFIRM_TIMEOUT_MS: '30000',
      ACK_TIMEOUT_MS: '30000',
    },
  });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

test('5,000 messages without a pause', async () => {
  await using alice = await connectAs(stack, one, 'alice');
  await using bob = await connectAs(stack, two, 'bob', { autoAck: true });
  const stream = new Stream(alice, ['bob'], { window: 128 });
  await stream.run(() => stream.sent < 5_000);
  await expectInOrder([stream], new Map([['bob', bob]]));
});

test('while a routing instance joins and takes partitions over', async () => {
  await using crowd = await Crowd.connect('join');
  crowd.send();
  await crowd.untilSent(500);
  const fourth = await stack.addRouting();
  await untilRoutes(fourth);
  await crowd.untilSent(500);
  await crowd.stop();
  await crowd.expectInOrder();
});

test('while routing instances are stopped in order, one after the other', async () => {
  await using crowd = await Crowd.connect('stop');
  crowd.send();
  for (const service of stack.routing.slice(0, 2)) {
    await untilRoutes(service);
    await service.stop();
    await crowd.untilSent(500);
  }
  await crowd.stop();
  await crowd.expectInOrder();
});

test('while a receiver who was away comes back, with the client library', async () => {
  const away = 512;
  await using alice = await connectAs(stack, one, 'back-alice');
  const stream = new Stream(alice, ['back-bob'], { window: 128 });
  await stream.run(() => stream.sent < away);
  const received = (state: string) => alice.all('ack:N').filter((receipt) => receipt.state === state).length;
  await until(() => received('stored') >= away, { what: 'the mailbox to hold them', timeoutMs: PATIENCE_MS });

  const handed: string[] = [];
  // No further ahead than its session holds: what overflows goes to the mailbox, behind the others.
  const send = async () => {
    while (handed.length < away + 1_000) {
      await until(() => stream.sent - handed.length < away + 500, { what: 'him', timeoutMs: PATIENCE_MS });
      const goal = stream.sent + 100;
      await stream.run(() => stream.sent < goal);
    }
  };
  const sending = send();
  const token = await stack.token('back-bob');
  const bob = connect({ url: two.url, token, WebSocket: WebSocket });
  try {
    bob.onMessage(({ id }) => void handed.push(id));
    await sending;
    await until(() => handed.length >= stream.sent, { what: 'all of them', timeoutMs: PATIENCE_MS });
    expect(handed).toEqual(stream.sentTo.get('back-bob'));
  } finally {
    await bob.close();
  }
});

/** The broker has one routing instance active in each partition, and the instances share them out. */
async function untilRoutes(service: ServiceHandle): Promise<void> {
  const routed = async () =>
    (await stack.metrics(service)).value('sixfold_routed_total', { outcome: 'live' });
  const before = await routed();
  await until(async () => (await routed()) >= before + 100, {
    what: `${service.name} to route messages`,
    intervalMs: 100,
  });
}

interface Pace {
  /** Most msg:R without their msg:A. */
  window: number;
  /** After as many messages, for the services that start on the same processor. */
  pauseMs?: number;
}

/** One session that sends to several receivers in turn. */
class Stream {
  readonly client: RawClient;
  readonly #receivers: readonly string[];
  readonly #pace: Pace;
  /** Ids in the order sent, by receiver. */
  readonly sentTo: Map<string, string[]>;
  sent = 0;

  constructor(client: RawClient, receivers: readonly string[], pace: Pace) {
    this.client = client;
    this.#receivers = receivers;
    this.#pace = pace;
    this.sentTo = new Map(receivers.map((receiver) => [receiver, []]));
  }

  async run(goOn: () => boolean): Promise<void> {
    const { window, pauseMs } = this.#pace;
    let open = 0;
    while (goOn()) {
      const to = this.#receivers[this.sent % this.#receivers.length] ?? '';
      const id = `m${this.sent}`;
      this.client.msg(to, id, null, this.sent);
      this.sentTo.get(to)?.push(id);
      this.sent++;
      if (pauseMs !== undefined && this.sent % window === 0) await pause(pauseMs);
      if (++open < window) continue;
      await this.client.next('msg:A', {}, PATIENCE_MS);
      open--;
    }
    for (; open > 0; open--) await this.client.next('msg:A', {}, PATIENCE_MS);
  }
}

/** Messages that came back from gateways so far, by reason: why something went to the mailbox. */
async function returned(): Promise<Record<string, number>> {
  const running = stack.routing.filter((service) => service.running);
  const all = await Promise.all(running.map((service) => stack.metrics(service)));
  const count = (reason: string) =>
    all.reduce((sum, metrics) => sum + metrics.value('sixfold_returned_total', { reason }), 0);
  return Object.fromEntries(ReturnReason.options.map((reason) => [reason, count(reason)]));
}

/** Everything arrived, in the order sent, and the senders know it. */
async function expectInOrder(
  streams: readonly Stream[],
  receivers: ReadonlyMap<string, RawClient>,
): Promise<void> {
  for (const { client, sent } of streams) {
    await until(() => client.all('ack:N').length >= sent, {
      what: `${sent} receipts`,
      timeoutMs: PATIENCE_MS,
      intervalMs: 200,
    });
    const others = client.all('ack:N').filter(({ state }) => state !== 'delivered');
    expect(others, JSON.stringify(await returned())).toEqual([]);
    expect(client.all('error')).toEqual([]);
  }
  for (const [name, receiver] of receivers) {
    const arrived = Map.groupBy(receiver.all('msg:N'), ({ from }) => from);
    for (const { client, sentTo } of streams) {
      const { user } = client.all('login:A')[0] ?? { user: '' };
      // On a busy machine a confirm may be late, and what was confirmed too late comes again, behind the others.
      const ids = new Set(arrived.get(user)?.map(({ id }) => id));
      expect([...ids], `from ${user} to ${name}`).toEqual(sentTo.get(name));
    }
    expect(receiver.all('offline:N')).toEqual([]);
  }
}

/** Two senders, and a receiver in each partition. */
class Crowd implements AsyncDisposable {
  readonly #streams: Stream[];
  readonly #receivers: Map<string, RawClient>;
  #sending: Promise<unknown> = Promise.resolve();
  #stopped = false;

  private constructor(streams: Stream[], receivers: Map<string, RawClient>) {
    this.#streams = streams;
    this.#receivers = receivers;
  }

  static async connect(prefix: string): Promise<Crowd> {
    const names = Array.from({ length: PARTITIONS }, (_, p) => userIn(p, prefix));
    const receivers = new Map<string, RawClient>();
    for (const [n, name] of names.entries())
      receivers.set(name, await connectAs(stack, n % 2 === 0 ? one : two, name, { autoAck: true }));
    const senders = [
      await connectAs(stack, one, `${prefix}-sender-1`),
      await connectAs(stack, two, `${prefix}-sender-2`),
    ];
    return new Crowd(
      senders.map((sender) => new Stream(sender, names, { window: 64, pauseMs: 50 })),
      receivers,
    );
  }

  get sent(): number {
    return this.#streams.reduce((sum, { sent }) => sum + sent, 0);
  }

  /** Begins to send, and goes on until it is told to stop. */
  send(): void {
    this.#sending = Promise.all(this.#streams.map((stream) => stream.run(() => !this.#stopped)));
    this.#sending.catch(() => undefined); // thrown by stop()
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#sending;
  }

  async untilSent(more: number): Promise<void> {
    const goal = this.sent + more;
    await until(() => this.sent >= goal, { what: `${more} more messages`, timeoutMs: PATIENCE_MS });
  }

  expectInOrder(): Promise<void> {
    return expectInOrder(this.#streams, this.#receivers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    const clients = [...this.#streams.map(({ client }) => client), ...this.#receivers.values()];
    await Promise.all(clients.map((client) => client.terminate()));
  }
}

/** Name of a user whose messages go through that partition. */
function userIn(partition: number, prefix: string): string {
  for (let n = 0; ; n++) {
    const name = `${prefix}-${n}`;
    if (partitionOf(name, PARTITIONS) === partition) return name;
  }
}
