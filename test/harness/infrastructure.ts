import { chmodSync, statfsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../tools/stack/ports.ts';
import { type Machine, PrivateNetwork } from '../../tools/stack/private-network.ts';
import { postgres } from '../../tools/stack/postgres.ts';
import { ProcessHandle } from '../../tools/stack/process-handle.ts';
import { ensureRabbitMq } from '../../tools/stack/rabbitmq-install.ts';
import { type RabbitMqCluster, rabbitMqCluster } from '../../tools/stack/rabbitmq-cluster.ts';
import { type BrokerNode, rabbitMq, type RabbitMqOptions } from '../../tools/stack/rabbitmq.ts';
import type { Certificates } from './certificates.ts';
import { watchLog } from './logs.ts';

/** How a test reaches a broker and a database; plain data, so that it can cross process borders. */
export interface Addresses {
  /** Data directory of both, and the mark by which all their processes are found. */
  dataDir: string;
  /** Without a virtual host. Of a cluster: the addresses of all nodes, separated by commas. */
  amqpUrl: string;
  /** Set with `tls`: a broker address with TLS, for `localhost`. */
  amqpsUrl?: string | undefined;
  /** Set with `metrics`: where the broker tells its own, without a path. */
  brokerMetrics?: string | undefined;
  /** Name of the (first) node, for administration. */
  brokerNode: string;
  /** Port of the broker's port mapper, for administration. */
  epmdPort: number;
  /** Of a cluster whose nodes have machines of their own: those, by the names of the nodes. */
  machines: Record<string, Machine>;
  /** With the maintenance database. */
  databaseUrl: string;
}

/** A broker and a database of the tests' own. */
export interface Infrastructure {
  addresses: Addresses;
  /** The only node of the broker, or one for each node of the cluster. */
  rabbitmq: [ProcessHandle, ...ProcessHandle[]];
  postgres: ProcessHandle;
  /** The machines of a cluster's nodes, in their order; with `silenceS` only. */
  network?: PrivateNetwork | undefined;
  stop(): Promise<void>;
}

/** Names of temporary folders begin with this. */
export const FOLDER_PREFIX = 'sixfold-test-';

const MEMORY = '/dev/shm';
const ROOM_BYTES = 4 * 1024 ** 3;

/**
 * Where the data of tests lies: in memory, if there is room, since a disk that others keep busy stalls for seconds.
 * (What survives a kill -9 is the same: the system holds what a process has written, on any file system.)
 */
export const DATA = process.env['TMPDIR'] === undefined && hasRoom(MEMORY) ? MEMORY : tmpdir();

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ROOM_BYTES;
  } catch {
    return false;
  }
}

/** A new temporary folder in `parent` that the database's user may enter. */
export async function temporaryFolder(parent = DATA): Promise<string> {
  const folder = await mkdtemp(join(parent, FOLDER_PREFIX));
  chmodSync(folder, 0o755);
  return folder;
}

export interface InfrastructureOptions {
  clusterNodes?: number | undefined;
  /** Gives each node of the cluster a machine of its own, and says how long one may be silent, seconds. */
  silenceS?: number | undefined;
  /** The broker (a single node) serves metrics of its own: 0.3 s of CPU time more at its start. */
  metrics?: boolean;
  /** Broker (a single node) and database also take connections with TLS. */
  tls?: Certificates | undefined;
}

/** Starts a private RabbitMQ node and PostgreSQL server with their data in `dataDir` (about 7 s; a cluster takes 15). */
export async function startInfrastructure(
  dataDir: string,
  { clusterNodes, silenceS, metrics, tls }: InfrastructureOptions = {},
): Promise<Infrastructure> {
  await ensureRabbitMq();
  const logFile = (name: string) => join(dataDir, 'logs', `${name}.log`);
  const metricsPort = metrics ? await freePort() : undefined;
  const listener = tls && { ...tls, port: await freePort() };
  const network =
    silenceS === undefined ? undefined : await PrivateNetwork.create(clusterNodes ?? 1, dataDir);
  const apart = network && { machines: network.machines, silenceS: silenceS ?? 60 };
  const broker = await (clusterNodes === undefined
    ? singleNode({ dataDir, logFile: logFile('rabbitmq'), metricsPort, tls: listener })
    : rabbitMqCluster({ dataDir, nodes: clusterNodes, logFile, network: apart }));
  const database = postgres({ dataDir, port: await freePort(), logFile: logFile('postgres'), tls });
  for (const spec of [...broker.nodes, database]) watchLog(spec.name, spec.logFile);
  const [postgresHandle, first, ...others] = await Promise.all(
    [database, ...broker.nodes].map((spec) => ProcessHandle.start(spec)),
  );
  if (!postgresHandle || !first) throw new Error('a broker has at least one node');
  const amqpUrl = broker.nodes.map(({ url }) => url).join(',');
  const amqpsUrl = listener && withTls(amqpUrl, listener.port);
  const [brokerNode, epmdPort] = [broker.nodes[0]?.node ?? '', broker.epmdPort];
  const brokerMetrics = metricsPort === undefined ? undefined : `http://127.0.0.1:${metricsPort}`;
  const machineOf = ({ node }: BrokerNode, n: number) => {
    const machine = network?.machines[n];
    return machine ? [[node, machine] as const] : [];
  };
  const machines = Object.fromEntries(broker.nodes.flatMap(machineOf));
  const where = { amqpUrl, amqpsUrl, brokerMetrics, brokerNode, epmdPort, machines };
  return {
    addresses: { dataDir, databaseUrl: database.url, ...where },
    rabbitmq: [first, ...others],
    postgres: postgresHandle,
    network,
    stop: async () => {
      await Promise.all([first, ...others, postgresHandle].map((handle) => handle.stop()));
      await network?.close();
    },
  };
}

async function singleNode(
  options: Pick<RabbitMqOptions, 'dataDir' | 'logFile' | 'metricsPort' | 'tls'>,
): Promise<RabbitMqCluster> {
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  return { nodes: [rabbitMq({ ...options, port, distributionPort, epmdPort })], epmdPort };
}

function withTls(amqpUrl: string, port: number): string {
  const { username, password } = new URL(amqpUrl);
  return `amqps://${username}:${password}@localhost:${port}`;
}
