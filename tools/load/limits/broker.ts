import { connect } from 'amqplib';
import { setTimeout as delay } from 'node:timers/promises';
import type { AckEntry, LiveMessage, LiveReceipt, RouteMessage } from '#libs/broker/entries.ts';
import { LatencyHistogram } from '../latency.ts';
import { costOf, type Period } from '../measure.ts';
import { Meter, type Role } from '../meter.ts';
import { Worker } from '../worker.ts';
import type { RelayApi } from './relay.ts';
import type { Limit } from './limit.ts';

const [from, to, id, at] = ['a10-k3x9qz', 'b10-k3x9qz', 'k3x9qz0-123456', 1_795_358_387_421];
const session = 'b4fa53b7-2f0e-4a57-9a0c-0f2b7a6a3c11';

/** What one message is in the queues, hop by hop, as text. */
function entries(bodyBytes: number): string[] {
  const body = JSON.stringify('x'.repeat(bodyBytes));
  const hops: [RouteMessage, LiveMessage, AckEntry, LiveReceipt] = [
    { kind: 'message', from, id, to, body, at }, // gateway -> routing
    { kind: 'message', session, from, id, to, body, at }, // routing -> the receiver's gateway
    { kind: 'ack', from, id, to, at }, // that gateway -> ack
    { kind: 'receipt', session, user: from, id, to, state: 'delivered', at }, // ack -> the sender's gateway
  ];
  return hops.map((entry) => JSON.stringify(entry));
}

export interface BrokerLimitOptions extends Period {
  amqpUrl: string;
  dataDir: string;
  queueType: string;
  bodyBytes: number;
  /** Messages that travel in one AMQP message. */
  batch: number;
  /** Most messages under way. */
  outstanding: number;
  /** Messages a second that are due, instead of so many under way. */
  rate?: number;
  /** The broker. */
  roles: readonly Role[];
}

/**
 * How many messages a second could the broker take, if the rest of Sixfold cost nothing? And at a given rate, how long
 * would they take, and what would they cost?
 *
 * A message takes four hops, each through a durable queue: gateway -> routing -> the receiver's gateway -> ack -> the
 * sender's gateway. Four processes stand here for these: the first one publishes with confirms and takes what comes
 * back, the others pass on what they consume, and acknowledge it when the next queue has confirmed it, as the services
 * must. The AMQP messages are as long as those of real messages (with `batch` entries in each), the content is of no
 * interest. There is one queue for each hop, and no JSON, no database and no WebSocket.
 */
export async function brokerLimit(options: BrokerLimitOptions): Promise<Limit> {
  const { amqpUrl, dataDir, queueType, bodyBytes, batch, outstanding } = options;
  const window = Math.max(4, Math.ceil(outstanding / batch));
  const tag = Math.random().toString(36).slice(2, 8);
  const queue = (hop: number) => `bench.${tag}.${hop % 4}`;
  const relays = entries(bodyBytes).map((text, hop) => ({
    worker: new Worker<RelayApi>('limits/relay.ts', { name: `relay-${hop + 1}`, dataDir }),
    order: {
      ...{ amqpUrl, queueType, window, source: hop === 0 },
      ...{ from: queue(hop + 3), to: queue(hop), bytes: (text.length + 1) * batch + 1 },
    },
  }));
  try {
    await Promise.all(relays.map(({ worker, order }) => worker.call('connect', order)));
    return await measured(
      relays.map(({ worker }) => worker),
      window,
      options,
    );
  } finally {
    await Promise.all(relays.map(({ worker }) => worker.end()));
    await deleteQueues(amqpUrl, [0, 1, 2, 3].map(queue));
  }
}

/** @param workers the first one is the source */
async function measured(
  workers: readonly Worker<RelayApi>[],
  window: number,
  { batch, rate, roles, seconds, warmup }: BrokerLimitOptions,
): Promise<Limit> {
  const clients = workers.map(({ name, pid }) => ({ name, role: 'clients', pid }));
  const meter = new Meter([...roles, ...clients]);
  const [source] = workers;
  if (rate === undefined) await source?.call('closedLoop', window);
  else await source?.call('openLoop', rate / batch);
  await delay(warmup * 1_000);
  await source?.call('take');
  const began = performance.now();
  meter.take();
  await delay(seconds * 1_000);
  const taken = (await source?.call('take')) ?? new Uint32Array();
  const cpu = meter.take();
  const messages = taken.length * batch;
  return {
    name: `broker, ${batch === 1 ? 'one message' : `${batch} messages`} an AMQP message`,
    perSecond: (messages * 1_000) / (performance.now() - began),
    latency: new LatencyHistogram().add(taken).summary(),
    cpuByRole: costOf(meter, cpu, messages).cpuByRole,
  };
}

async function deleteQueues(amqpUrl: string, queues: readonly string[]): Promise<void> {
  const connection = await connect(amqpUrl);
  const channel = await connection.createChannel();
  for (const queue of queues) await channel.deleteQueue(queue);
  await connection.close();
}
