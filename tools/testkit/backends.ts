import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { REPOSITORY } from '../stack/environment.ts';
import { ensureRabbitMq } from '../stack/install.ts';
import type { ManagedProcess } from '../stack/managed-process.ts';
import { freePort } from '../stack/ports.ts';
import type * as PostgresModule from '../stack/postgres.ts';
import type { ClusterNetwork, Machine } from '../stack/rabbitmq-member.ts';
import { rabbitMq, rabbitMqCluster, type TlsListener } from '../stack/rabbitmq.ts';
import { ProcessHandle } from './process-handle.ts';

/** How to reach a broker and a database; plain data, so that it can cross process borders. */
export interface Addresses {
  /** Data directory of both, and the mark by which all their processes are found. */
  dataDir: string;
  /** Without a virtual host. Of a cluster: the addresses of all nodes, separated by commas. */
  amqpUrl: string;
  /** With `tls` only: a broker address with TLS, for `localhost`. */
  amqpsUrl?: string | undefined;
  /** With `metrics` only: where the broker serves its own, without a path. */
  brokerMetrics?: string | undefined;
  /** Name of the (first) node, for administration. */
  brokerNode: string;
  /** Port of the broker's port mapper, for administration. */
  epmdPort: number;
  /** With `network` only: the machines of the nodes, by the names of the nodes. */
  machines: Record<string, Machine>;
  /** With the maintenance database. */
  databaseUrl: string;
}

export interface BackendOptions {
  /** A broker cluster of this many nodes; without it a single node. */
  clusterNodes?: number | undefined;
  /** A machine for each node of the cluster. */
  network?: ClusterNetwork | undefined;
  /** The broker (a single node) serves metrics of its own: 0.3 s of CPU time more at its start. */
  metrics?: boolean | undefined;
  /** The broker (a single node) and the database also take connections with TLS; files in PEM. */
  tls?: Omit<TlsListener, 'port'> | undefined;
  /** Work tree whose starter starts the database; default: this one. */
  root?: string | undefined;
  /** Called for each process before it starts. */
  watch?: ((spec: ManagedProcess) => void) | undefined;
}

/** A running broker and database. */
export interface Backends {
  addresses: Addresses;
  /** The only node of the broker, or one for each node of the cluster. */
  brokers: [ProcessHandle, ...ProcessHandle[]];
  database: ProcessHandle;
  /** @returns what had crashed, or did not end well */
  stop(): Promise<string[]>;
}

/** Starts a private RabbitMQ and PostgreSQL with their data in `dataDir` (about 7 s; a cluster takes 15). */
export async function startBackends(dataDir: string, options: BackendOptions = {}): Promise<Backends> {
  await ensureRabbitMq();
  const broker = await planBroker(dataDir, options);
  const database = await planDatabase(dataDir, options);
  const start = (spec: ManagedProcess) => {
    options.watch?.(spec);
    return ProcessHandle.start(spec);
  };
  const [server, first, ...others] = await Promise.all([database, ...broker.nodes].map(start));
  if (!server || !first) throw new Error('a broker has at least one node');
  return {
    addresses: { dataDir, databaseUrl: database.url, ...broker.addresses },
    brokers: [first, ...others],
    database: server,
    stop: () => failuresOf([first, ...others, server].map((handle) => handle.stop())),
  };
}

/** What went wrong, once everything has ended. */
export async function failuresOf(tasks: readonly Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(tasks);
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
}

const logFileIn = (dataDir: string) => (name: string) => join(dataDir, 'logs', `${name}.log`);

async function planBroker(dataDir: string, { clusterNodes, network, metrics, tls }: BackendOptions) {
  const logFile = logFileIn(dataDir);
  const metricsPort = metrics ? await freePort() : undefined;
  const listener = tls && { ...tls, port: await freePort() };
  const singleNode = async () => {
    const ports = { port: await freePort(), distributionPort: await freePort(), epmdPort: await freePort() };
    const node = rabbitMq({ dataDir, ...ports, logFile: logFile('rabbitmq'), metricsPort, tls: listener });
    return { nodes: [node], epmdPort: ports.epmdPort };
  };
  const { nodes, epmdPort } =
    clusterNodes === undefined
      ? await singleNode()
      : await rabbitMqCluster(dataDir, clusterNodes, logFile, network);
  const amqpUrl = nodes.map(({ url }) => url).join(',');
  const machines = nodes.flatMap(({ node }, n) => {
    const machine = network?.machines[n];
    return machine ? [[node, machine] as const] : [];
  });
  const addresses = {
    amqpUrl,
    amqpsUrl: listener && withTls(amqpUrl, listener.port),
    brokerMetrics: metricsPort === undefined ? undefined : `http://127.0.0.1:${metricsPort}`,
    brokerNode: nodes[0]?.node ?? '',
    epmdPort,
    machines: Object.fromEntries(machines),
  };
  return { nodes, addresses };
}

/** How a server starts that was killed is part of what chaos tests: the starter may come from another work tree. */
async function planDatabase(dataDir: string, { root = REPOSITORY, tls }: BackendOptions) {
  const path = join(root, 'tools/stack/postgres.ts');
  const { postgres } = (await import(pathToFileURL(path).href)) as typeof PostgresModule;
  return postgres({ dataDir, port: await freePort(), logFile: logFileIn(dataDir)('postgres'), tls });
}

function withTls(amqpUrl: string, port: number): string {
  const { username, password } = new URL(amqpUrl);
  return `amqps://${username}:${password}@localhost:${port}`;
}
