import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../stack/ports.ts';
import { postgres } from '../../stack/postgres.ts';
import { ProcessHandle } from '../../stack/process-handle.ts';
import { ensureRabbitMq } from '../../stack/rabbitmq-install.ts';
import { rabbitMq } from '../../stack/rabbitmq.ts';
import { service, type ServiceKind } from '../../stack/service.ts';
import type { Target } from './client.ts';
import type { AttackOptions } from './options.ts';

const SECRET = 'the secret of the attack, long enough for HS256';

/** What is attacked: a gateway, and what it needs. */
export interface World {
  target: Target;
  gateway: ProcessHandle;
  /** Base address of the gateway's metrics. */
  http: string;
  /** Port of the gateway's inspector. */
  inspector: number;
  stop(): Promise<void>;
}

/** Starts one process of each service, on a broker and a database of their own unless there are some. */
export async function startWorld(dataDir: string, { ground, env = {} }: AttackOptions): Promise<World> {
  chmodSync(dataDir, 0o755); // the database runs as somebody else
  const handles: ProcessHandle[] = [];
  const start = async (spec: Parameters<typeof ProcessHandle.start>[0]) => {
    const handle = await ProcessHandle.start(spec);
    handles.unshift(handle); // the last to start is the first to end
    return handle;
  };
  const stop = async () => {
    for (const handle of handles) await handle.stop();
  };
  const logFile = (name: string) => join(dataDir, 'logs', `${name}.log`);
  const { amqpUrl, databaseUrl } = ground ?? (await startBackends(dataDir, logFile, start));
  const inspector = await freePort();
  const add = async (kind: ServiceKind, own: NodeJS.ProcessEnv) => {
    const clean = { NODE_ENV: undefined, NODE_OPTIONS: undefined, AMQP_URL: amqpUrl, QUEUE_SETTLE_MS: '0' };
    const options = { kind, name: kind, port: await freePort(), dataDir, logFile: logFile(kind) };
    const spec = service({ ...options, env: { ...clean, ...env, ...own } });
    return { ...spec, process: await start(spec) };
  };
  try {
    await Promise.all([
      add('routing', { DATABASE_URL: databaseUrl }),
      add('ack', { DATABASE_URL: databaseUrl }),
    ]);
    const {
      process: gateway,
      http,
      port,
    } = await add('gateway', {
      AUTH_SECRET: SECRET,
      NODE_OPTIONS: `--inspect=127.0.0.1:${inspector}`,
    });
    return { target: { url: `ws://127.0.0.1:${port}/ws`, secret: SECRET }, gateway, http, inspector, stop };
  } catch (error) {
    await stop().catch(() => undefined); // the first error is the one to see
    throw error;
  }
}

async function startBackends(
  dataDir: string,
  logFile: (name: string) => string,
  start: typeof ProcessHandle.start,
): Promise<NonNullable<AttackOptions['ground']>> {
  await ensureRabbitMq();
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const broker = rabbitMq({ dataDir, port, distributionPort, epmdPort, logFile: logFile('rabbitmq') });
  const database = postgres({ dataDir, port: await freePort(), logFile: logFile('postgres') });
  await Promise.all([start(broker), start(database)]);
  return { amqpUrl: broker.url, databaseUrl: database.url };
}
