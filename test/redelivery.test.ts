import amqp, { type ConfirmChannel, type ConsumeMessage, type GetMessage } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ACK_QUEUE,
  DEAD_QUEUE,
  declareGatewayQueue,
  declareTopology,
  gatewayQueue,
  RETURNED_QUEUE,
  routeQueue,
} from '#libs/broker/topology.ts';
import { publishTo } from './harness/queues.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** A good message that comes back again and again is set aside, and never lost: the queues are declared as ours are. */

const DELIVERY_LIMIT = 1_000;
const GATEWAY = 'gateway-1.incarnation';

let stack: Stack;
let connection: amqp.ChannelModel;
let channel: ConfirmChannel;

beforeAll(async () => {
  stack = await startStack({ gateways: 0, routing: 0, ack: 0 });
  connection = await amqp.connect(stack.amqpUrl, { noDelay: true });
  channel = await connection.createConfirmChannel();
  await declareTopology(channel, { queueType: 'quorum', partitions: 1 });
  await declareGatewayQueue(channel, GATEWAY, 'quorum');
});

afterAll(async () => {
  await connection.close();
  await stack.stop();
});

test.for([routeQueue(0), ACK_QUEUE, gatewayQueue(GATEWAY), RETURNED_QUEUE])(
  'a message over the redelivery limit is in sixfold.dead with its reason, and its neighbours stay: %s',
  async (queue) => {
    const [before, bad, behind] = ['["before"]', '["again and again"]', '["behind"]'];
    await publishTo(channel, queue, before, bad, behind);
    let deliveries = 0;
    const held: ConsumeMessage[] = [];
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (message === null) return;
      if (message.content.toString() !== bad) held.push(message);
      else {
        deliveries++;
        channel.nack(message, false, true);
      }
    });
    const dead: GetMessage[] = [];
    await until(
      async () => {
        const letter = await channel.get(DEAD_QUEUE, { noAck: true });
        return letter !== false && dead.push(letter);
      },
      { what: 'the dead letter' },
    );
    expect(dead[0]?.content.toString()).toBe(bad);
    expect(dead[0]?.properties.headers).toMatchObject({
      'x-first-death-queue': queue,
      'x-first-death-reason': 'delivery_limit',
    });
    expect(deliveries).toBe(DELIVERY_LIMIT + 1);
    expect(held.map(({ content }) => content.toString())).toEqual([before, behind]);
    for (const message of held) channel.ack(message);
    await channel.cancel(consumerTag);
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
    expect(await channel.checkQueue(DEAD_QUEUE)).toMatchObject({ messageCount: 0 });
  },
);
