import amqp from 'amqplib';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child.ts';
import { BROKER_NEEDS_MB } from './disk-room.ts';
import { childEnvironment } from './environment.ts';
import { stopEpmd } from './epmd.ts';
import { ensureRabbitMq } from './install.ts';
import type { ManagedProcess } from './managed-process.ts';
import { freePort } from './ports.ts';
import { beginAnew } from './postgres-version.ts';
import { type BrokerUser, ensureCookie, mend, noteFinished, writeDefinitions } from './rabbitmq-home.ts';
import { clusterSettings, type ClusterNetwork, machineOf, type Member, nodeName } from './rabbitmq-member.ts';
import { readOrCreateSecret } from './secret.ts';

/** Where a private broker lives. Its node name is always the same, so the ports may change between starts. */
export interface RabbitMqOptions {
  /** Data directory of the stack; the broker keeps everything in `rabbitmq/` below it. */
  dataDir: string;
  port: number;
  /** Port for Erlang distribution (command line tools, other nodes). */
  distributionPort: number;
  /** Port of the broker's own epmd, which the first node starts by itself. */
  epmdPort: number;
  logFile: string;
  /** Port of its own metrics (the plugin rabbitmq_prometheus); without it, no plugins. */
  metricsPort?: number | undefined;
  /** Also listens with TLS. */
  tls?: TlsListener | undefined;
  /** Makes it one of the nodes of a cluster, which share a data directory and an epmd. */
  member?: Member;
}

/** Where, and with which files (PEM). */
export interface TlsListener {
  port: number;
  ca: string;
  cert: string;
  key: string;
}

/** A node as a process, with its address and its name among Erlang nodes. */
export type BrokerNode = ManagedProcess & { url: string; node: string };

const USER = 'sixfold';
const LOOPBACK = '127.0.0.1';

/** Settings of the system's own RabbitMQ or of the user's shell must not leak into the private node. */
const FOREIGN_SETTINGS = /^(RABBITMQ_|ERL_|NOTIFY_SOCKET)/;

/**
 * A private RabbitMQ node: own name, ports, epmd, cookie, password and data; loopback only.
 * Never touches an instance the system runs.
 */
export function rabbitMq(options: RabbitMqOptions): BrokerNode {
  const { dataDir, port, epmdPort, logFile, member } = options;
  const home = join(dataDir, 'rabbitmq');
  const dir = member ? join(home, `node-${member.number}`) : home;
  const user = { name: USER, password: readOrCreateSecret(join(home, 'password')) };
  const machine = machineOf(member);
  const host = machine?.outer ?? LOOPBACK;
  const url = `amqp://${user.name}:${user.password}@${host}:${port}`;
  return {
    name: member ? `rabbitmq-${member.number}` : 'rabbitmq',
    port,
    url,
    node: nodeName(member),
    logFile,
    stopRank: 2, // what the services stand on
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 30_000,
    startTimeoutMs: 180_000,
    ifDamaged: `restore ${dir} from a backup, or ${beginAnew(dir, 'damaged')}`,
    launch: async () => {
      mkdirSync(join(dir, 'conf.d'), { recursive: true });
      ensureCookie(home);
      if (!member) mend(dir, nodeName());
      const plugins = options.metricsPort === undefined ? '' : 'rabbitmq_prometheus';
      writeFileSync(join(dir, 'enabled_plugins'), `[${plugins}].\n`);
      const own = member ? clusterSettings(member) : [`load_definitions = ${writeDefinitions(dir, user)}`];
      const common = readFileSync(join(import.meta.dirname, 'rabbitmq.conf'), 'utf8');
      const settings = [common, ...settingsOf(host, user, options), ...own, ''].join('\n');
      writeFileSync(join(dir, 'rabbitmq.conf'), settings, { mode: 0o600 });
      const env = childEnvironment(dataDir, nodeEnvironment(home, dir, options), FOREIGN_SETTINGS);
      const [command, ...args] = [...(machine?.enter ?? []), await ensureRabbitMq()];
      return startChild({ command, args, cwd: dir, env, logFile });
    },
    isReady: async () => {
      const answers = await acceptsConnections(url);
      noteFinished(dir);
      return answers;
    },
    afterExit: () => stopEpmd(epmdPort, machine), // refused while another node is registered there
  };
}

/** The nodes of a private broker, and the epmd they share. */
export interface Broker {
  nodes: BrokerNode[];
  epmdPort: number;
}

/**
 * A private RabbitMQ cluster on free ports, a process for each node: `rabbitmq-1`, `rabbitmq-2`, … Start them all at the
 * same time: each waits for the others at its first start. Each can be killed and started again under its name, with its
 * ports and its data, and is ready only when a majority runs; when all of them were stopped, start all of them.
 *
 * @param nodes an odd number
 * @param logFile log of the process of that name
 * @param network a machine for each node, if they are not to share this one
 */
export async function rabbitMqCluster(
  dataDir: string,
  nodes: number,
  logFile: (name: string) => string,
  network?: ClusterNetwork,
): Promise<Broker> {
  ensureCookie(join(dataDir, 'rabbitmq')); // before any node starts: each would make one of its own
  const broker: Broker = { nodes: [], epmdPort: await freePort() };
  for (let number = 1; number <= nodes; number += 1) {
    const ports = { port: await freePort(), distributionPort: await freePort(), epmdPort: broker.epmdPort };
    const member = { number, of: nodes, network };
    broker.nodes.push(rabbitMq({ dataDir, ...ports, logFile: logFile(`rabbitmq-${number}`), member }));
  }
  return broker;
}

/** Whether the broker at `url` completes an AMQP handshake. @param ca as AMQP_CA */
export async function acceptsConnections(url: string, ca?: string): Promise<boolean> {
  const connection = await amqp.connect(url, {
    timeout: 5_000,
    ...(ca !== undefined && { ca: readFileSync(ca) }),
  });
  await connection.close();
  return true;
}

/** What the settings in rabbitmq.conf beside this file lack. */
function settingsOf(host: string, { name, password }: BrokerUser, options: RabbitMqOptions): string[] {
  const { port, tls, metricsPort } = options;
  const withTls = tls && {
    'listeners.ssl.1': `${LOOPBACK}:${tls.port}`,
    'ssl_options.cacertfile': tls.ca,
    'ssl_options.certfile': tls.cert,
    'ssl_options.keyfile': tls.key,
  };
  const withMetrics = metricsPort !== undefined && {
    'prometheus.tcp.ip': LOOPBACK,
    'prometheus.tcp.port': metricsPort,
    // As in the official image: Prometheus collects by itself.
    'management_agent.disable_metrics_collector': true,
  };
  const settings = {
    'listeners.tcp.1': `${host}:${port}`,
    default_user: name,
    default_pass: password,
    'disk_free_limit.absolute': `${BROKER_NEEDS_MB}MB`,
    ...withTls,
    ...withMetrics,
  };
  return Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
}

function nodeEnvironment(home: string, dir: string, options: RabbitMqOptions): NodeJS.ProcessEnv {
  const address = machineOf(options.member)?.inner;
  const between = (address ?? LOOPBACK).replaceAll('.', ',');
  return {
    // Makes the start script `exec` the Erlang VM, so that the process we start is the VM itself.
    RUNNING_UNDER_SYSTEMD: 'true',
    HOME: home, // the Erlang cookie
    RABBITMQ_NODENAME: nodeName(options.member),
    RABBITMQ_NODE_PORT: String(options.port),
    RABBITMQ_DIST_PORT: String(options.distributionPort),
    RABBITMQ_BASE: dir,
    RABBITMQ_MNESIA_BASE: join(dir, 'mnesia'),
    RABBITMQ_LOG_BASE: join(dir, 'log'),
    RABBITMQ_PID_FILE: join(dir, 'pid'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'enabled_plugins'),
    RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq.conf'),
    RABBITMQ_CONFIG_FILES: join(dir, 'conf.d'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(dir, 'advanced.config'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    ERL_EPMD_PORT: String(options.epmdPort),
    ...(address === undefined ? { ERL_EPMD_ADDRESS: LOOPBACK } : { RABBITMQ_USE_LONGNAME: 'true' }),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${schedulers()} -kernel inet_dist_use_interface {${between}}`,
  };
}

/**
 * The node shares the machine with everything else of the stack: half of the cores are its own share, no scheduler is
 * tied to one core (a busy one, it may be), and idle ones sleep instead of waiting busily. (Erlang: erl, emulator flags.)
 */
function schedulers(): string {
  const count = Math.max(1, Math.floor(availableParallelism() / 2));
  return `+S ${count}:${count} +stbt u +sbwt none +sbwtdcpu none +sbwtdio none`;
}
