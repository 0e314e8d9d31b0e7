import type { ChannelModel } from 'amqplib';
import {
  ACK_QUEUE,
  DEAD_QUEUE,
  gatewayQueue,
  RETURNED_QUEUE,
  routeQueue,
  WEBHOOK_QUEUE,
} from '#libs/broker/topology.ts';
import { readMetrics } from '../testkit/metrics.ts';
import { withBroker, withDatabase } from './backends.ts';
import type { TellingState } from './check/message.ts';
import { type DeviceMailboxes, findDeviceMailboxes } from './device-leftovers.ts';
import type { ChaosEnvironment } from './environment.ts';

/** Default of ROUTE_PARTITIONS, which chaos does not change. */
const PARTITIONS = 8;

/** What the server holds at one moment. */
export interface Leftovers {
  /** When the look began, milliseconds since the epoch. */
  lookedAt: number;
  /** Messages in mailboxes: `<receiver> <sender> <id>` to the time from which they are of no use, or Infinity. */
  mailbox: ReadonlyMap<string, number>;
  /** Number of messages of each mailbox, and the most that one can hold. */
  held: ReadonlyMap<string, number>;
  quota: number;
  /** Receipts in mailboxes: `<sender> <receiver> <id>` to the state. */
  receipts: ReadonlyMap<string, TellingState>;
  /** What the mailboxes of synced devices hold. */
  devices: DeviceMailboxes;
  /** Messages in queues, and those that services have in flight. */
  inFlight: number;
  /** Sessions that presence knows, by `user/device`. */
  sessions: ReadonlyMap<string, number>;
  /** Events in `event_outbox`, and AMQP messages in `sixfold.webhook`. */
  events: number;
  /** AMQP messages in `sixfold.dead`. */
  dead: number;
}

/** Looks into the database, the queues and the metrics. @throws when one of them is out of reach */
export function findLeftovers(environment: ChaosEnvironment): Promise<Leftovers> {
  const { system, quota } = environment;
  const lookedAt = Date.now();
  return withDatabase(system, async (rows) => {
    const messages = await rows('SELECT recipient, sender, id, expires FROM offline_messages');
    const receipts = await rows('SELECT recipient, peer, id, state, reason, at FROM offline_receipts');
    const sessions = await rows('SELECT user_id, device FROM sessions');
    const [outbox] = await rows('SELECT count(*) FROM event_outbox');
    const metrics = system.services.map(async ({ kind, http }) =>
      (await readMetrics(http)).value(
        kind === 'gateway' ? 'sixfold_inflight_messages' : 'sixfold_unacked_deliveries',
      ),
    );
    const inServices = (await Promise.all(metrics)).reduce((sum, count) => sum + count, 0);
    const { queued, webhooks, dead } = await inQueues(environment);
    const devices = await findDeviceMailboxes(rows);
    const byReceiver = Map.groupBy(messages, ({ recipient = '' }) => recipient);
    return {
      lookedAt,
      mailbox: new Map(
        messages.map(({ recipient, sender, id, expires }) => [
          `${recipient} ${sender} ${id}`,
          Number(expires ?? Infinity),
        ]),
      ),
      held: new Map([...byReceiver].map(([user, all]) => [user, all.length])),
      quota,
      devices,
      receipts: new Map(
        receipts.map(({ recipient, peer, id, state = '', reason, at }) => [
          `${recipient} ${peer} ${id}`,
          { state, reason: reason ?? undefined, at: Number(at) },
        ]),
      ),
      inFlight: queued + inServices,
      sessions: new Map(
        [...Map.groupBy(sessions, ({ user_id: user, device }) => `${user}/${device}`)].map(([who, all]) => [
          who,
          all.length,
        ]),
      ),
      events: Number(outbox?.['count']) + webhooks,
      dead,
    };
  });
}

/** Messages that are ready in the queues of all incarnations that gateways ever had, in all others, and the dead ones. */
export async function inQueues({
  system,
  deleted,
}: ChaosEnvironment): Promise<{ queued: number; webhooks: number; dead: number }> {
  const known = await withDatabase(system, (rows) => rows('SELECT gateway FROM gateways'));
  const gateways = new Set([...deleted, ...known.map(({ gateway = '' }) => gateway)]);
  const partitions = Array.from({ length: PARTITIONS }, (_, n) => routeQueue(n));
  return withBroker(system, async (connection) => {
    let queued = 0;
    for (const name of [...partitions, ACK_QUEUE, RETURNED_QUEUE, ...[...gateways].map(gatewayQueue)])
      queued += await messagesIn(connection, name);
    const webhooks = await messagesIn(connection, WEBHOOK_QUEUE);
    return { queued, webhooks, dead: await messagesIn(connection, DEAD_QUEUE) };
  });
}

/** Messages ready in a queue; 0 when it does not exist. */
async function messagesIn(connection: ChannelModel, queue: string): Promise<number> {
  const channel = await connection.createChannel(); // a queue that does not exist closes it
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
