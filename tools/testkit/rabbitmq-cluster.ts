import { join } from 'node:path';
import { freePort } from '../stack/ports.ts';
import { ensureCookie } from '../stack/rabbitmq-home.ts';
import type { ClusterNetwork } from '../stack/rabbitmq-member.ts';
import { type BrokerNode, rabbitMq } from '../stack/rabbitmq.ts';

/** Where a private cluster lives. */
export interface RabbitMqClusterOptions {
  /** Data directory of the stack; each node keeps its data in `rabbitmq/node-<n>/` below it. */
  dataDir: string;
  /** An odd number: a majority of them has to run. */
  nodes: number;
  /** Log of the process of that name. */
  logFile: (name: string) => string;
  /** A machine for each node, if they are not to share this one. */
  network?: ClusterNetwork | undefined;
}

/** The nodes of a private cluster, and what they have in common. */
export interface RabbitMqCluster {
  /** Start them all at the same time: each waits for the others at its first start. */
  nodes: BrokerNode[];
  epmdPort: number;
}

/**
 * A private RabbitMQ cluster on free ports, a process for each node: `rabbitmq-1`, `rabbitmq-2`, … Each can be killed
 * and started again under its name, with its ports and its data. One that comes back is ready only when a majority
 * runs; when all of them were stopped, start all of them.
 */
export async function rabbitMqCluster(options: RabbitMqClusterOptions): Promise<RabbitMqCluster> {
  const { dataDir, nodes: count, logFile, network } = options;
  ensureCookie(join(dataDir, 'rabbitmq')); // before any node starts: each would make one of its own
  const epmdPort = await freePort();
  const nodes: BrokerNode[] = [];
  for (let number = 1; number <= count; number += 1) {
    const [port, distributionPort] = [await freePort(), await freePort()];
    const log = logFile(`rabbitmq-${number}`);
    const member = { number, of: count, network };
    nodes.push(rabbitMq({ dataDir, port, distributionPort, epmdPort, logFile: log, member }));
  }
  return { nodes, epmdPort };
}
