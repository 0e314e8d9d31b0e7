import { chmodSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../tools/stack/ports.ts';
import { postgres } from '../../tools/stack/postgres.ts';
import { ProcessHandle } from '../../tools/stack/process-handle.ts';
import { ensureRabbitMq } from '../../tools/stack/rabbitmq-install.ts';
import { rabbitMq } from '../../tools/stack/rabbitmq.ts';
import { watchLog } from './logs.ts';

/** How a test reaches a broker and a database; plain data, so that it can cross process borders. */
export interface Addresses {
  /** Data directory of both, and the mark by which all their processes are found. */
  dataDir: string;
  /** Without a virtual host. */
  amqpUrl: string;
  /** Port of the broker's port mapper, for administration. */
  epmdPort: number;
  /** With the maintenance database. */
  databaseUrl: string;
}

/** A broker and a database of the tests' own. */
export interface Infrastructure {
  addresses: Addresses;
  rabbitmq: ProcessHandle;
  postgres: ProcessHandle;
  stop(): Promise<void>;
}

/** Names of temporary folders begin with this. */
export const FOLDER_PREFIX = 'sixfold-test-';

/** A new temporary folder in `parent` that the database's user may enter. */
export async function temporaryFolder(parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, FOLDER_PREFIX));
  chmodSync(folder, 0o755);
  return folder;
}

/** Starts a private RabbitMQ node and PostgreSQL server with their data in `dataDir` (about 7 s). */
export async function startInfrastructure(dataDir: string): Promise<Infrastructure> {
  await ensureRabbitMq();
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const logFile = (name: string) => join(dataDir, 'logs', `${name}.log`);
  const broker = rabbitMq({ dataDir, port, distributionPort, epmdPort, logFile: logFile('rabbitmq') });
  const database = postgres({ dataDir, port: await freePort(), logFile: logFile('postgres') });
  for (const spec of [broker, database]) watchLog(spec.name, spec.logFile);
  const [rabbitmqHandle, postgresHandle] = await Promise.all([
    ProcessHandle.start(broker),
    ProcessHandle.start(database),
  ]);
  return {
    addresses: { dataDir, amqpUrl: broker.url, epmdPort, databaseUrl: database.url },
    rabbitmq: rabbitmqHandle,
    postgres: postgresHandle,
    stop: async () => {
      await Promise.all([rabbitmqHandle.stop(), postgresHandle.stop()]);
    },
  };
}
