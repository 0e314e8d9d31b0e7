import amqp, { type Channel, type ConfirmChannel } from 'amqplib';
import { expect } from 'vitest';
import { DEAD_QUEUE } from '#libs/broker/topology.ts';
import type { Stack } from './running-stack.ts';
import { until } from './wait.ts';

/** What lies in `sixfold.dead`, put there by one of ours. */
export interface Letter {
  reason: string;
  content: string;
  queue: string;
}

/** Looks into the stack's queues, or puts something there that no service would. */
export async function withChannel<T>(stack: Stack, use: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
  const [url = ''] = stack.amqpUrl.split(',');
  const connection = await amqp.connect(url);
  try {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => undefined); // what was asked for fails with it
    return await use(channel);
  } finally {
    await connection.close();
  }
}

/** Whether the stack has a queue of that name. */
export function queueExists(stack: Stack, name: string): Promise<boolean> {
  return withChannel(stack, (channel) =>
    channel.checkQueue(name).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 404) return false;
        throw error;
      },
    ),
  );
}

/** Takes everything that waits in a queue. */
export async function takeAll(channel: Channel, queue: string): Promise<string[]> {
  const contents: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) return contents;
    contents.push(message.content.toString());
  }
}

/** Puts contents into a queue, and waits until the broker has them. */
export async function publishTo(
  channel: ConfirmChannel,
  queue: string,
  ...contents: (string | Buffer)[]
): Promise<void> {
  for (const content of contents) channel.sendToQueue(queue, Buffer.from(content), { persistent: true });
  await channel.waitForConfirms();
}

/** Waits for so many letters and takes them; letters travel in groups, like all entries. */
export async function takeLetters(channel: ConfirmChannel, count: number): Promise<Letter[]> {
  const letters: Letter[] = [];
  await until(
    async () => {
      for (const text of await takeAll(channel, DEAD_QUEUE)) letters.push(...(JSON.parse(text) as Letter[]));
      return letters.length >= count;
    },
    { what: `${count} dead letters` },
  );
  expect(letters).toHaveLength(count);
  return letters;
}
