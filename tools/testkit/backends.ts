import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ManagedProcess } from '../stack/managed-process.ts';
import { freePort } from '../stack/ports.ts';
import type * as PostgresModule from '../stack/postgres.ts';
import { ensureRabbitMq } from '../stack/rabbitmq-install.ts';
import { rabbitMq, type TlsListener } from '../stack/rabbitmq.ts';
import { type Machine, PrivateNetwork } from './private-network.ts';
import { ProcessHandle } from './process-handle.ts';
import { rabbitMqCluster } from './rabbitmq-cluster.ts';

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
  /** With `silenceS` only: the machines of the nodes, by the names of the nodes. */
  machines: Record<string, Machine>;
  /** With the maintenance database. */
  databaseUrl: string;
}

export interface BackendOptions {
  /** A broker cluster of this many nodes; without it a single node. */
  clusterNodes?: number | undefined;
  /** Gives each node of the cluster a machine of its own; a node that is silent for this long counts as down, seconds. */
  silenceS?: number | undefined;
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
  /** With `silenceS` only: the network between the machines of the nodes. */
  network?: PrivateNetwork | undefined;
  /** @returns what had crashed, or did not end well */
  stop(): Promise<string[]>;
}

/** Starts a private RabbitMQ and PostgreSQL with their data in `dataDir` (about 7 s; a cluster takes 15). */
export async function startBackends(dataDir: string, options: BackendOptions = {}): Promise<Backends> {
  await ensureRabbitMq();
  const network = await startNetwork(dataDir, options);
  const [broker, database] = [
    await planBroker(dataDir, options, network),
    await planDatabase(dataDir, options),
  ];
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
    network,
    stop: async () => {
      const failures = await failuresOf([first, ...others, server].map((handle) => handle.stop()));
      return [...failures, ...(await failuresOf(network ? [network.close()] : []))];
    },
  };
}

/** What went wrong, once everything has ended. */
export async function failuresOf(tasks: readonly Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(tasks);
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
}

const logFileIn = (dataDir: string) => (name: string) => join(dataDir, 'logs', `${name}.log`);

async function startNetwork(dataDir: string, { silenceS, clusterNodes = 1 }: BackendOptions) {
  return silenceS === undefined ? undefined : PrivateNetwork.create(clusterNodes, dataDir);
}

async function planBroker(dataDir: string, options: BackendOptions, network: PrivateNetwork | undefined) {
  const { clusterNodes, silenceS = 60, metrics, tls } = options;
  const logFile = logFileIn(dataDir);
  const metricsPort = metrics ? await freePort() : undefined;
  const listener = tls && { ...tls, port: await freePort() };
  const { nodes, epmdPort } =
    clusterNodes === undefined
      ? await singleNode({ dataDir, logFile: logFile('rabbitmq'), metricsPort, tls: listener })
      : await rabbitMqCluster({
          dataDir,
          nodes: clusterNodes,
          logFile,
          network: network && { machines: network.machines, silenceS },
        });
  const amqpUrl = nodes.map(({ url }) => url).join(',');
  const machines = Object.fromEntries(
    nodes.flatMap(({ node }, n) => {
      const machine = network?.machines[n];
      return machine ? [[node, machine] as const] : [];
    }),
  );
  const addresses = {
    amqpUrl,
    amqpsUrl: listener && withTls(amqpUrl, listener.port),
    brokerMetrics: metricsPort === undefined ? undefined : `http://127.0.0.1:${metricsPort}`,
    brokerNode: nodes[0]?.node ?? '',
    epmdPort,
    machines,
  };
  return { nodes, addresses };
}

async function singleNode(
  options: Pick<Parameters<typeof rabbitMq>[0], 'dataDir' | 'logFile' | 'metricsPort' | 'tls'>,
) {
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  return { nodes: [rabbitMq({ ...options, port, distributionPort, epmdPort })], epmdPort };
}

/** How a server starts that was killed is part of what chaos tests: the starter may come from another work tree. */
async function planDatabase(dataDir: string, { root, tls }: BackendOptions) {
  const path = join(root ?? join(import.meta.dirname, '../..'), 'tools/stack/postgres.ts');
  const { postgres } = (await import(pathToFileURL(path).href)) as typeof PostgresModule;
  return postgres({ dataDir, port: await freePort(), logFile: logFileIn(dataDir)('postgres'), tls });
}

function withTls(amqpUrl: string, port: number): string {
  const { username, password } = new URL(amqpUrl);
  return `amqps://${username}:${password}@localhost:${port}`;
}
