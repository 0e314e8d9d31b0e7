import { setTimeout as delay } from 'node:timers/promises';
import type { AckEntry, LiveMessage, LiveReceipt, RouteMessage } from '#libs/broker/entries.ts';
import { type Context, freshTag } from '../context.ts';
import type * as Relay from '../jobs/relay.ts';
import { LatencyHistogram } from '../latency.ts';
import { Meter } from '../meter.ts';
import type { Limit } from '../report/points.ts';
import type { Worker } from '../worker.ts';

const [from, to, id, at] = ['a10-k3x9qz', 'b10-k3x9qz', 'k3x9qz0-123456', 1_795_358_387_421];
const session = 'b4fa53b7-2f0e-4a57-9a0c-0f2b7a6a3c11';

/** One message in the queues, hop by hop, as text. */
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

/**
 * The messages a second that the broker could take, if the rest of Sixfold cost nothing. And at a given rate, their
 * latency and cost.
 *
 * A message takes four hops, each through a durable queue: gateway -> routing -> the receiver's gateway -> ack -> the
 * sender's gateway. Four processes stand here for these: the first one publishes with confirms and consumes what comes
 * back, the others pass on what they consume, and acknowledge it when the next queue has confirmed it, as the services
 * must. The AMQP messages are as long as those of real messages (with `batch` entries in each). There is no JSON, no
 * database and no WebSocket.
 *
 * @param due messages a second, or messages under way in a closed loop; default: as many as the pairs have
 */
export async function brokerLimit(
  context: Context,
  batch: number,
  due: { rate?: number; window?: number } = {},
): Promise<Limit> {
  const { options } = context;
  const { pairs, outstanding, bodyBytes, env } = options;
  const [amqpUrl = ''] = context.environment.amqpUrls;
  const queueType = env?.['QUEUE_TYPE'] ?? process.env['QUEUE_TYPE'] ?? 'quorum';
  const { rate, window: messages = Math.max(4, pairs * Math.max(1, ...outstanding)) } = due;
  const window = Math.ceil(messages / batch);
  const tag = freshTag();
  const queue = (hop: number) => `load.${tag}.${hop % 4}`;
  const relays = entries(bodyBytes).map((text, hop) => {
    const worker = context.worker<typeof Relay>('relay', `relay-${hop + 1}`);
    const bytes = (text.length + 1) * batch + 1;
    const queues = { from: queue(hop + 3), to: queue(hop) };
    return { worker, order: { amqpUrl, queueType, window, ...queues, bytes, source: hop === 0 } };
  });
  const workers = relays.map(({ worker }) => worker);
  const [source] = workers as [Worker<typeof Relay>];
  try {
    await Promise.all(relays.map(({ worker, order }) => worker.call('connect', order)));
    if (rate === undefined) await source.call('closedLoop', window);
    else await source.call('openLoop', rate / batch);
    const broker = context.backends.filter(({ role }) => role === 'rabbitmq');
    const meter = new Meter([...broker, ...workers.map((worker) => worker.as('clients'))]);
    return {
      name: `broker, ${batch === 1 ? 'one message' : `${batch} messages`} an AMQP message`,
      ...(await measured(source, meter, batch, options)),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}

async function measured(
  source: Worker<typeof Relay>,
  meter: Meter,
  batch: number,
  { seconds, warmup }: Context['options'],
) {
  await delay(warmup * 1_000);
  await source.call('take');
  const began = performance.now();
  meter.restart();
  await delay(seconds * 1_000);
  const taken = await source.call('take');
  const messages = taken.length * batch;
  const { cpuByRole, switchesByRole } = meter.cost(messages);
  return {
    perSecond: (messages * 1_000) / (performance.now() - began),
    latency: new LatencyHistogram().add(taken).summary(),
    cpuByRole,
    switchesByRole,
  };
}
