import amqp, { type Channel, type ConfirmChannel } from 'amqplib';
import type { Stack } from './running-stack.ts';

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
