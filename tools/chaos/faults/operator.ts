import type { Channel } from 'amqplib';
import { setTimeout as delay } from 'node:timers/promises';
import { GATEWAY_EXCHANGE, gatewayQueue, RETURNED_EXCHANGE, RETURNED_QUEUE } from '#libs/broker/topology.ts';
import { withBroker } from '../broker.ts';
import type { SeededRandom } from '../../testkit/seeded-random.ts';
import { readMetrics } from '../../testkit/metrics.ts';
import { withDatabase } from '../leftovers.ts';
import type { Member } from '../member.ts';
import type { Environment } from '../environment.ts';
import { nothing, type Target } from './fault.ts';

/** How long a queue may take to be empty before it is left alone, milliseconds. */
const EMPTY_MS = 10_000;
const LOOK_MS = 100;
/** Looks in a row at which nothing may be in a queue that is removed. */
const EMPTY_LOOKS = 3;

/** What a person with rights does at the wrong moment. Nothing is put back: the services must notice. */
const mistake = (name: string, hurts: string, make: (random: SeededRandom) => Promise<string>): Target => ({
  name,
  hurts,
  strike: async (random) => ({ what: await make(random), lastsMs: 0, heal: nothing }),
});

const withChannel = <T>(environment: Environment, use: (channel: Channel) => Promise<T>): Promise<T> =>
  withBroker(environment, async (connection) => {
    const channel = await connection.createChannel();
    channel.on('error', nothing); // the calls fail with it
    return use(channel);
  });

/** The incarnation of a gateway that holds its sessions now; undefined while it has none. */
async function incarnationOf(environment: Environment, { process }: Member): Promise<string | undefined> {
  const text = `SELECT gateway FROM gateways WHERE NOT removed AND gateway LIKE '${process.name}.%' ORDER BY last_seen DESC LIMIT 1`;
  return (await withDatabase(environment, (rows) => rows(text)))[0]?.['gateway'];
}

/** A mistake with something that belongs to one gateway, or nothing where it has no incarnation or a server is down. */
const withGateway =
  (make: (environment: Environment, gateway: string, member: Member) => Promise<string>) =>
  (environment: Environment): Target[] =>
    environment.members
      .filter(({ kind }) => kind === 'gateway')
      .map((member) =>
        mistake(member.process.name, member.process.name, async () => {
          try {
            const gateway = await incarnationOf(environment, member);
            return gateway === undefined
              ? 'nothing: it has no queue'
              : await make(environment, gateway, member);
          } catch (error) {
            return `nothing: ${String(error)}`; // a server is down at this moment
          }
        }),
      );

export const unbindGateway = withGateway((environment, gateway) =>
  withChannel(environment, async (channel) => {
    await channel.unbindQueue(gatewayQueue(gateway), GATEWAY_EXCHANGE, gateway);
    return 'its queue is unbound';
  }),
);

/** As a restore of an older backup does, or a standby that lagged. */
export const forgetGateway = withGateway(async (environment, gateway) => {
  environment.forgotten.add(gateway);
  await withDatabase(environment, (rows) => rows(`DELETE FROM gateways WHERE gateway = '${gateway}'`));
  return 'its row is deleted';
});

/** Removed when it is empty: what is in a queue that somebody deletes is gone, and nobody can promise otherwise. */
export const deleteQueue = withGateway((environment, gateway, member) =>
  withChannel(environment, async (channel) => {
    const queue = gatewayQueue(gateway);
    await channel.unbindQueue(queue, GATEWAY_EXCHANGE, gateway);
    const end = Date.now() + EMPTY_MS;
    for (let looks = 0; looks < EMPTY_LOOKS;) {
      if (Date.now() > end) return 'its queue is unbound';
      await delay(LOOK_MS);
      looks = (await isEmpty(channel, queue, member)) ? looks + 1 : 0;
    }
    await channel.deleteQueue(queue);
    return 'its queue is unbound, and deleted when it is empty';
  }),
);

async function isEmpty(channel: Channel, queue: string, { http }: Member): Promise<boolean> {
  const { messageCount } = await channel.checkQueue(queue);
  return messageCount === 0 && (await readMetrics(http)).value('sixfold_unacked_deliveries') === 0;
}

const topology = (make: (channel: Channel) => Promise<string>) => (environment: Environment) => [
  mistake('the exchanges', 'the exchanges', () =>
    withChannel(environment, make).catch((error: unknown) => `nothing: ${String(error)}`),
  ),
];

export const deleteExchange = topology(async (channel) => {
  await channel.deleteExchange(GATEWAY_EXCHANGE);
  return `${GATEWAY_EXCHANGE} is deleted, with all its bindings`;
});

export const unbindReturned = topology(async (channel) => {
  await channel.unbindQueue(RETURNED_QUEUE, RETURNED_EXCHANGE, '');
  return `${RETURNED_QUEUE} is unbound`;
});
