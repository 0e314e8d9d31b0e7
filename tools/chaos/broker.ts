import amqp, { type ChannelModel } from 'amqplib';

/** Calls `use` with a connection, past every proxy, to the first of the nodes that takes one. @throws when none does */
export async function withBroker<T>(
  { amqpUrls }: { amqpUrls: readonly string[] },
  use: (connection: ChannelModel) => Promise<T>,
): Promise<T> {
  const connection = await connectToFirst(amqpUrls);
  connection.on('error', () => undefined); // the calls fail with it
  try {
    return await use(connection);
  } finally {
    await connection.close().catch(() => undefined); // it may be gone by now
  }
}

async function connectToFirst([url = '', ...others]: readonly string[]): Promise<ChannelModel> {
  try {
    return await amqp.connect(url, { timeout: 2_000 });
  } catch (error) {
    if (others.length === 0) throw error;
    return connectToFirst(others);
  }
}
