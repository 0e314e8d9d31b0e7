import { join } from 'node:path';
import { BROWSER_NAMES } from '../browsers/browser.ts';
import { until } from '../stack/until.ts';
import { Environment } from '../testkit/environment.ts';
import { SeededRandom } from '../testkit/seeded-random.ts';
import { EVENT_TYPES } from '#libs/events/event.ts';
import { BrowserClients } from './browsers/browser-clients.ts';
import type { ClientHost } from './client-host.ts';
import { ClientProcess } from './client-process.ts';
import { ProcessClock } from './clock/clock.ts';
import { EventEndpoint, WEBHOOK_KEY } from './event-endpoint.ts';
import type { ChaosOptions } from './options.ts';
import { TokenEndpoint } from './token-endpoint.ts';
import { backEndsOf, browserUsersOf, type ChaosUser, receiversOf, usersOf } from './users.ts';

const SECRET = 'the secret of the chaos run, long enough for HS256';
const LOGIN_MS = 180_000;

/** Shorter than the defaults, so that a fault of seconds shows the effects of one of minutes. */
const SETTINGS = {
  LOG_LEVEL: 'trace',
  ACK_TIMEOUT_MS: '2500',
  AMQP_HEARTBEAT_S: '2',
  CONFIRM_TIMEOUT_MS: '1000',
  DRAIN_SPREAD_MS: '500',
  DATABASE_TIMEOUT_MS: '5000',
  DRAIN_TIMEOUT_MS: '3000',
  GATEWAY_LEASE_MS: '4000',
  PING_INTERVAL_MS: '2000',
};

/** Everything that the nemesis can hurt. */
export interface ChaosEnvironment {
  readonly system: Environment;
  /** The clocks of the services, by name. */
  readonly clocks: ReadonlyMap<string, ProcessClock>;
  readonly tokens: TokenEndpoint;
  /** Of a back end that wants events, if there is one. */
  readonly endpoint: EventEndpoint | undefined;
  readonly users: readonly ChaosUser[];
  /** Processes and browsers with clients. */
  readonly clientProcesses: readonly ClientHost[];
  /** Those of them that are browsers. */
  readonly browsers: readonly BrowserClients[];
  /** Most messages that a mailbox can hold. */
  readonly quota: number;
  /** Incarnations of gateways whose rows an operator deleted; their queues may still hold messages. */
  readonly deleted: Set<string>;
  stop(): Promise<void>;
}

/** Starts broker, database, services and clients, in this order, and waits until all clients have logged in. */
export async function startEnvironment(dataDir: string, options: ChaosOptions): Promise<ChaosEnvironment> {
  const { gateways, routing, ack, webhook, cluster, pooler, root, ground, quota } = options;
  const clocks = new Map<string, ProcessClock>();
  const endpoint = webhook > 0 ? new EventEndpoint(new SeededRandom(options.seed)) : undefined;
  const events = endpoint && {
    EVENTS: EVENT_TYPES.join(','),
    WEBHOOK_URL: await endpoint.listen(),
    WEBHOOK_SECRET: WEBHOOK_KEY,
  };
  const system = await Environment.start({
    ...{ dataDir, root, ground, secret: SECRET, proxies: true },
    backends: { clusterNodes: cluster ? 3 : undefined },
    pooler: pooler ? {} : undefined,
    env: (_kind, name) => {
      const clock = new ProcessClock(join(dataDir, `${name}.clock`));
      clocks.set(name, clock);
      return { ...SETTINGS, ...events, MAILBOX_QUOTA: String(quota), ...clock.env };
    },
  });
  const tokens = new TokenEndpoint(SECRET);
  const users = allUsers(options);
  const clientProcesses: ClientHost[] = [];
  const browsers: BrowserClients[] = [];
  const stop = async () => {
    await Promise.all(clientProcesses.map((process) => process.kill()));
    tokens.close();
    await endpoint?.close();
    await system.stop(); // run.ts has reported what is wrong
  };
  try {
    await system.add({ webhook }); // before anybody publishes: its queue takes the events
    await system.add({ gateway: gateways, routing, ack });
    const urls = system.of('gateway').map(({ url }) => url);
    const clients = { users, urls, tokens: await tokens.listen() };
    clientProcesses.push(...startClients(dataDir, options, clients));
    for (let n = 0; n < options.browsers; n++) {
      browsers.push(await startBrowser(dataDir, options, clients, n));
      clientProcesses.push(...browsers.slice(-1));
    }
    const online = () => clientProcesses.every(({ counter }) => counter.arrived);
    await until(online, { what: 'the clients to log in', timeoutMs: LOGIN_MS, intervalMs: 100 });
  } catch (error) {
    await stop();
    throw error;
  }
  const deleted = new Set<string>();
  return { system, clocks, tokens, endpoint, users, clientProcesses, browsers, quota, deleted, stop };
}

const allUsers = ({ pairs, browsers, clientProcesses }: ChaosOptions): ChaosUser[] => [
  ...usersOf(pairs, clientProcesses),
  ...backEndsOf(clientProcesses),
  ...browserUsersOf(browsers, clientProcesses),
];

interface Clients {
  users: readonly ChaosUser[];
  urls: readonly string[];
  tokens: string;
}

function startClients(dataDir: string, options: ChaosOptions, clients: Clients): ClientProcess[] {
  return Array.from({ length: options.clientProcesses }, (_, n) => {
    const orders = ordersOf(options, clients, n);
    return new ClientProcess({ name: `clients-${n + 1}`, root: options.root, dataDir, orders });
  });
}

function startBrowser(dataDir: string, options: ChaosOptions, clients: Clients, n: number) {
  const orders = ordersOf(options, clients, options.clientProcesses + n);
  const kind = BROWSER_NAMES[n % BROWSER_NAMES.length] ?? 'chromium';
  return BrowserClients.start({
    ...{ name: `browser-${n + 1}`, kind, root: options.root, dataDir, orders },
  });
}

/** What the client process or browser of this number has to do. */
function ordersOf({ seed, rate, failing }: ChaosOptions, { users, urls, tokens }: Clients, n: number) {
  const everyMs = (users.filter(({ to }) => to !== undefined).length * 1_000) / rate;
  const turned = [...urls.slice(n % urls.length), ...urls.slice(0, n % urls.length)];
  const own = users.filter(({ process }) => process === n);
  const receivers = receiversOf(users);
  return { seed: seed * 100 + n, users: own, receivers, urls: turned, tokens, everyMs, failing };
}
