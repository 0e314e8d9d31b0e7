import { routeQueue } from '#libs/broker/topology.ts';
import type { CommandBroker } from './broker.ts';

/** A route queue. */
export interface PartitionState {
  partition: number;
  queue: string;
  /** AMQP messages that wait in it, each with up to thousands of entries; those that routing has taken do not count. */
  waiting: number;
  /** Instances that consume from it. RabbitMQ counts the active one only if the queue is a quorum queue. */
  consumers: number;
}

/** Asks the broker for each route queue. @throws AdminError `not_set_up` when one is missing */
export async function listPartitions(
  { connection }: CommandBroker,
  partitions: number,
): Promise<PartitionState[]> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined); // pending calls fail with it
  const states: PartitionState[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const queue = routeQueue(partition);
    const { messageCount, consumerCount } = await channel.checkQueue(queue);
    states.push({ partition, queue, waiting: messageCount, consumers: consumerCount });
  }
  await channel.close();
  return states;
}
