import type { ChannelModel } from 'amqplib';
import pg from 'pg';
import { ACK_QUEUE, DEAD_QUEUE, gatewayQueue, RETURNED_QUEUE, routeQueue } from '#libs/broker/topology.ts';
import { readMetrics } from '../testkit/metrics.ts';
import { withBroker } from './broker.ts';
import type { Leftovers } from './check/guarantees.ts';
import { MAILBOX_QUOTA, type Environment } from './environment.ts';

/** Default of ROUTE_PARTITIONS, which chaos leaves alone. */
const PARTITIONS = 8;

/** Once the services have stopped, the queues must be empty: what a consumer never settled is back in them. */
export async function leftBehind(environment: Environment): Promise<string[]> {
  const { inFlight } = await queuedAt(
    environment,
    await withDatabase(environment, (rows) => incarnations(environment, rows)),
  );
  return inFlight === 0 ? [] : [`${inFlight} messages left in queues behind services that have stopped`];
}

/** What the server still holds, at one moment. */
export interface Holdings extends Leftovers {
  /** On the way: messages in queues, and those that gateways hold for their users. */
  inFlight: number;
  /** AMQP messages in `sixfold.dead`. */
  dead: number;
}

/** All that gateways ever had. */
async function incarnations({ forgotten }: Environment, rows: Rows): Promise<string[]> {
  const known = await rows('SELECT gateway FROM gateways');
  return [...new Set([...forgotten, ...known.map(({ gateway }) => gateway ?? '')])];
}

type Rows = (text: string) => Promise<Record<string, string>[]>;

/** One query after the other, past every proxy. */
export async function withDatabase<T>(
  { databaseUrl }: Environment,
  use: (rows: Rows) => Promise<T>,
): Promise<T> {
  const database = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 2_000 });
  database.on('error', () => undefined); // the query fails with it
  await database.connect();
  try {
    return await use(async (text) => (await database.query<Record<string, string>>(text)).rows);
  } finally {
    await database.end();
  }
}

/** Looks into the database, the queues and the metrics. @throws when one of them cannot be reached */
export function holdings(environment: Environment): Promise<Holdings> {
  return withDatabase(environment, async (rows) => {
    const messages = await rows('SELECT recipient, sender, id FROM offline_messages');
    const receipts = await rows('SELECT recipient, peer, id, state FROM offline_receipts');
    const queued = await queuedAt(environment, await incarnations(environment, rows));
    return {
      ...queued,
      inFlight: queued.inFlight + (await held(environment)),
      quota: MAILBOX_QUOTA,
      held: countBy(messages.map(({ recipient }) => recipient ?? '')),
      mailbox: new Set(messages.map(({ recipient, sender, id }) => `${recipient} ${sender} ${id}`)),
      receipts: new Map(
        receipts.map(({ recipient, peer, id, state }) => [`${recipient} ${peer} ${id}`, state ?? '']),
      ),
    };
  });
}

function countBy(names: readonly string[]): Map<string, number> {
  return new Map([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
}

/** What services have in hand: out of the queues, and not settled. */
async function held({ members }: Environment): Promise<number> {
  const counts = members.map(async ({ kind, http }) => {
    const name = kind === 'gateway' ? 'sixfold_inflight_messages' : 'sixfold_unacked_deliveries';
    return (await readMetrics(http)).value(name);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

const queuedAt = (environment: Environment, gateways: readonly string[]) =>
  withBroker(environment, async (connection) => {
    const partitions = Array.from({ length: PARTITIONS }, (_, p) => routeQueue(p));
    const names = [...partitions, ACK_QUEUE, RETURNED_QUEUE, ...gateways.map(gatewayQueue)];
    let inFlight = 0;
    for (const name of names) inFlight += await messagesIn(connection, name);
    return { inFlight, dead: await messagesIn(connection, DEAD_QUEUE) };
  });

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
