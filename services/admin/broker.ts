import { readFileSync } from 'node:fs';
import { connect, type ChannelModel } from 'amqplib';
import { BrokerError } from '#libs/broker/errors.ts';
import { Publisher } from '#libs/broker/publisher.ts';
import type { AdminConfig } from './config.ts';
import { AdminError } from './errors.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const CONFIRM_TIMEOUT_MS = 5_000;

/** The broker, for one command. */
export interface CommandBroker {
  connection: ChannelModel;
  /** Resolves after the publisher confirm. @returns false when there is no such queue */
  put: (queue: string, content: string) => Promise<boolean>;
}

/** Connects a command to the broker; declares nothing. @throws AdminError when the broker is out of reach, or refuses */
export async function withBroker<T>(
  config: AdminConfig,
  use: (broker: CommandBroker) => Promise<T>,
): Promise<T> {
  const connection = await open(config);
  let blocked = false;
  connection.on('blocked', () => (blocked = true)).on('unblocked', () => (blocked = false));
  connection.on('error', () => undefined); // pending calls fail with it
  const publisher = new Publisher(() => blocked);
  try {
    await publisher.open(connection, () => Promise.resolve());
    return await use({ connection, put: (queue, content) => put(publisher, queue, content) });
  } catch (cause) {
    throw typed(cause);
  } finally {
    publisher.stop();
    await connection.close().catch(() => undefined); // the connection itself may have failed
  }
}

async function put(publisher: Publisher, queue: string, content: string): Promise<boolean> {
  try {
    await publisher.publish('', queue, Buffer.from(content), CONFIRM_TIMEOUT_MS);
    return true;
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'unroutable') return false;
    throw error;
  }
}

/** To any of the nodes. */
async function open({ AMQP_URL, AMQP_CA, AMQP_HEARTBEAT_S }: AdminConfig): Promise<ChannelModel> {
  const failures: unknown[] = [];
  for (const url of AMQP_URL) {
    const address = new URL(url);
    address.searchParams.set('heartbeat', String(AMQP_HEARTBEAT_S));
    try {
      return await connect(address.href, {
        noDelay: true,
        timeout: CONNECT_TIMEOUT_MS,
        ...(AMQP_CA !== undefined && { ca: readFileSync(AMQP_CA) }),
        clientProperties: { connection_name: 'admin' },
      });
    } catch (error) {
      failures.push(error);
    }
  }
  throw typed(failures.at(-1));
}

function typed(cause: unknown): AdminError {
  if (cause instanceof AdminError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 403 || /ACCESS.REFUSED|NOT.ALLOWED/.test(text))
    return new AdminError('refused', `the broker says: ${text}`, { cause });
  if (code === 404) return new AdminError('not_set_up', `the broker says: ${text}`, { cause });
  return new AdminError('broker_unreachable', `the broker: ${text}`, { cause });
}
