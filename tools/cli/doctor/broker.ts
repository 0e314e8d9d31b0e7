import type { ChannelModel } from 'amqplib';
import { ACK_QUEUE, DEAD_QUEUE, RETURNED_QUEUE, routeQueue } from '../../../libs/broker/topology.ts';
import { Findings, said, withoutPassword } from './finding.ts';

const TIMEOUT_MS = 5_000;
/** Most route queues that there can be (ROUTE_PARTITIONS). */
const MOST_PARTITIONS = 256;
/** The oldest RabbitMQ that has what quorum queues need. */
const OLDEST = [3, 10];

/** What a queue holds. */
export interface Queue {
  name: string;
  messages: number;
  consumers: number;
}

/** Connects to the broker, declares nothing, and counts the consumers of the shared queues. */
export async function checkBroker(address: string): Promise<Findings> {
  const findings = new Findings(`broker ${withoutPassword(address)}`);
  const { connect } = await import('amqplib');
  try {
    const connection = await connect(address, { timeout: TIMEOUT_MS, noDelay: true });
    connection.on('error', () => undefined);
    try {
      judgeVersion(versionOf(connection), findings);
      const routes = await routeQueues(connection);
      const others = [ACK_QUEUE, RETURNED_QUEUE, DEAD_QUEUE].map((name) => queueOf(connection, name));
      judgeQueues(
        [...routes, ...(await Promise.all(others)).filter((queue) => queue !== undefined)],
        findings,
      );
    } finally {
      await connection.close().catch(() => undefined);
    }
  } catch (error) {
    findings.problem(
      `cannot be used (${said(error)})`,
      'Check the address, the user, its password and its virtual host.',
    );
  }
  return findings;
}

const versionOf = ({ connection }: ChannelModel): string => connection.serverProperties.version;

export function judgeVersion(version: string, findings: Findings): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [least = 0, leastMinor = 0] = OLDEST;
  if (major > least || (major === least && minor >= leastMinor)) findings.ok(`is RabbitMQ ${version}`);
  else
    findings.problem(`is RabbitMQ ${version}`, 'Upgrade to 3.10 or newer: older ones may lose dead letters.');
}

export function judgeQueues(queues: readonly Queue[], findings: Findings): void {
  const routes = queues.filter(({ name }) => name.startsWith(routeQueue(0).slice(0, -1)));
  if (routes.length === 0) {
    findings.problem(
      'has no queues of Sixfold',
      'Start the services once, with this address and virtual host.',
    );
    return;
  }
  findings.ok(`has ${routes.length} route queues`);
  const alone = queues.filter(({ name, consumers }) => consumers === 0 && name !== DEAD_QUEUE);
  if (alone.length === 0) findings.ok('all shared queues have consumers');
  for (const { name, messages } of alone)
    findings.problem(
      `${name} has no consumer, and holds ${messages} AMQP messages`,
      name === ACK_QUEUE
        ? 'Start an ack instance.'
        : 'Start a routing instance; if some run, give all services the same ROUTE_PARTITIONS.',
    );
  const dead = queues.find(({ name }) => name === DEAD_QUEUE)?.messages ?? 0;
  if (dead > 0)
    findings.warning(`${DEAD_QUEUE} holds ${dead} AMQP messages`, 'Look at them with `admin dead list`.');
}

async function routeQueues(connection: ChannelModel): Promise<Queue[]> {
  const found: Queue[] = [];
  for (let partition = 0; partition < MOST_PARTITIONS; partition++) {
    const queue = await queueOf(connection, routeQueue(partition));
    if (!queue) break;
    found.push(queue);
  }
  return found;
}

/** @returns undefined when there is none: the broker closes the channel of the question then */
async function queueOf(connection: ChannelModel, name: string): Promise<Queue | undefined> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  try {
    const { messageCount, consumerCount } = await channel.checkQueue(name);
    await channel.close();
    return { name, messages: messageCount, consumers: consumerCount };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 404) return undefined;
    throw error;
  }
}
