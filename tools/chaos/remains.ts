import amqp, { type ChannelModel } from 'amqplib';
import pg from 'pg';
import { ACK_QUEUE, DEAD_QUEUE, gatewayQueue, RETURNED_QUEUE, routeQueue } from '#libs/broker/topology.ts';
import { readMetrics } from '../stack/metrics.ts';
import type { Remains } from './check/guarantees.ts';
import type { World } from './world.ts';

/** Default of ROUTE_PARTITIONS, which chaos leaves alone. */
const PARTITIONS = 8;

/** What the server still holds, at one moment. */
export interface Holdings extends Remains {
  /** On the way: messages in queues, and those that gateways hold for their users. */
  inFlight: number;
  /** AMQP messages in `sixfold.dead`. */
  dead: number;
}

/** Looks into the database, the queues and the metrics. @throws when one of them cannot be reached */
export async function holdings(world: World): Promise<Holdings> {
  const database = new pg.Client({ connectionString: world.databaseUrl, connectionTimeoutMillis: 2_000 });
  database.on('error', () => undefined); // the query fails with it
  await database.connect();
  try {
    const rows = async (text: string) => (await database.query<Record<string, string>>(text)).rows;
    const messages = await rows('SELECT recipient, sender, id FROM offline_messages');
    const receipts = await rows('SELECT recipient, peer, id, state FROM offline_receipts');
    const gateways = await rows('SELECT gateway FROM gateways WHERE NOT removed');
    const queued = await queuedAt(
      world,
      gateways.map(({ gateway }) => gateway ?? ''),
    );
    return {
      ...queued,
      inFlight: queued.inFlight + (await heldByGateways(world)),
      mailbox: new Set(messages.map(({ recipient, sender, id }) => `${recipient} ${sender} ${id}`)),
      receipts: new Map(
        receipts.map(({ recipient, peer, id, state }) => [`${recipient} ${peer} ${id}`, state ?? '']),
      ),
    };
  } finally {
    await database.end();
  }
}

async function heldByGateways({ members }: World): Promise<number> {
  const gateways = members.filter(({ kind }) => kind === 'gateway');
  const metrics = await Promise.all(gateways.map(({ http }) => readMetrics(http)));
  return metrics.reduce((sum, one) => sum + one.value('sixfold_inflight_messages'), 0);
}

async function queuedAt({ amqpUrls }: World, gateways: readonly string[]) {
  const connection = await Promise.any(amqpUrls.map((url) => amqp.connect(url, { timeout: 2_000 })));
  connection.on('error', () => undefined); // the calls fail with it
  try {
    const partitions = Array.from({ length: PARTITIONS }, (_, p) => routeQueue(p));
    const names = [...partitions, ACK_QUEUE, RETURNED_QUEUE, ...gateways.map(gatewayQueue)];
    let inFlight = 0;
    for (const name of names) inFlight += await messagesIn(connection, name);
    return { inFlight, dead: await messagesIn(connection, DEAD_QUEUE) };
  } finally {
    await connection.close();
  }
}

/** Messages ready in a queue; 0 when it is gone. */
async function messagesIn(connection: ChannelModel, queue: string): Promise<number> {
  const channel = await connection.createChannel(); // a queue that is gone closes it
  channel.on('error', () => undefined);
  try {
    return (await channel.checkQueue(queue)).messageCount;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 404) return 0;
    throw error;
  } finally {
    await channel.close().catch(() => undefined);
  }
}
