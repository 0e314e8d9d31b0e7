import type { Channel } from 'amqplib';
import { setTimeout as delay } from 'node:timers/promises';
import { GATEWAY_EXCHANGE, gatewayQueue, RETURNED_EXCHANGE, RETURNED_QUEUE } from '#libs/broker/topology.ts';
import { readMetrics } from '../../testkit/metrics.ts';
import type { ServiceHandle } from '../../testkit/service-handle.ts';
import { withBroker, withDatabase } from '../backends.ts';
import type { ChaosEnvironment } from '../environment.ts';
import { noTime, type Target, target, type Targets } from './fault.ts';

/** How long a queue may take to be empty before it is left alone, milliseconds. */
const EMPTY_MS = 10_000;
const LOOK_MS = 100;
/** Looks in a row at which a queue must be empty before it is removed. */
const EMPTY_LOOKS = 3;

/** A mistake of a person with rights. Nothing is put back: the services must notice. @param make not while a server is down */
const mistake = (name: string, make: () => Promise<string>): Target =>
  target(name, async () => [await make().catch((error: unknown) => `nothing: ${String(error)}`)], noTime);

const withChannel = <T>({ system }: ChaosEnvironment, use: (channel: Channel) => Promise<T>): Promise<T> =>
  withBroker(system, async (connection) => {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined); // the calls fail with it
    return use(channel);
  });

/** The incarnation of a gateway that holds its sessions now; undefined while it has none. */
async function incarnationOf({ system }: ChaosEnvironment, { name }: ServiceHandle) {
  const text = `SELECT gateway FROM gateways WHERE NOT removed AND gateway LIKE '${name}.%' ORDER BY last_seen DESC LIMIT 1`;
  return (await withDatabase(system, (rows) => rows(text)))[0]?.['gateway'];
}

type WithGateway = (from: ChaosEnvironment, gateway: string, handle: ServiceHandle) => Promise<string>;
const withGateway =
  (make: WithGateway): Targets =>
  (environment) =>
    environment.system.of('gateway').map((handle) =>
      mistake(handle.name, async () => {
        const gateway = await incarnationOf(environment, handle);
        return gateway === undefined ? 'nothing: it has no queue' : make(environment, gateway, handle);
      }),
    );

export const unbindGateway = withGateway((environment, gateway) =>
  withChannel(environment, async (channel) => {
    await channel.unbindQueue(gatewayQueue(gateway), GATEWAY_EXCHANGE, gateway);
    return 'its queue is unbound';
  }),
);

/** As after the restore of an older backup, or a failover to a standby that lags. */
export const deleteRow = withGateway(async ({ system, deleted }, gateway) => {
  deleted.add(gateway);
  await withDatabase(system, (rows) => rows(`DELETE FROM gateways WHERE gateway = '${gateway}'`));
  return 'its row is deleted';
});

/** Deletes an empty queue only: no one can promise that messages survive the deletion of their queue. */
export const deleteQueue = withGateway((environment, gateway, handle) =>
  withChannel(environment, async (channel) => {
    const queue = gatewayQueue(gateway);
    await channel.unbindQueue(queue, GATEWAY_EXCHANGE, gateway);
    const end = Date.now() + EMPTY_MS;
    for (let looks = 0; looks < EMPTY_LOOKS;) {
      if (Date.now() > end) return 'its queue is unbound';
      await delay(LOOK_MS);
      looks = (await isEmpty(channel, queue, handle)) ? looks + 1 : 0;
    }
    await channel.deleteQueue(queue);
    return 'its queue is unbound, and deleted when it is empty';
  }),
);

async function isEmpty(channel: Channel, queue: string, { http }: ServiceHandle): Promise<boolean> {
  const { messageCount } = await channel.checkQueue(queue);
  return messageCount === 0 && (await readMetrics(http)).value('sixfold_unacked_deliveries') === 0;
}

const topology =
  (make: (channel: Channel) => Promise<string>): Targets =>
  (environment) => [mistake('the exchanges', () => withChannel(environment, make))];

export const deleteExchange = topology(async (channel) => {
  await channel.deleteExchange(GATEWAY_EXCHANGE);
  return `${GATEWAY_EXCHANGE} is deleted, with all its bindings`;
});

export const unbindReturned = topology(async (channel) => {
  await channel.unbindQueue(RETURNED_QUEUE, RETURNED_EXCHANGE, '');
  return `${RETURNED_QUEUE} is unbound`;
});
