import { join } from 'node:path';
import { freePort } from '../stack/ports.ts';
import { ProcessHandle } from '../testkit/process-handle.ts';
import { service, type ServiceKind } from '../stack/service.ts';
import { TcpProxy } from '../testkit/tcp-proxy.ts';
import { ProcessClock } from './clock/clock.ts';

/** Shorter than the defaults, so that a fault of seconds shows what one of minutes does. */
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

/** A service process, with a proxy on each of its ways to others, and a clock of its own. */
export interface Member {
  readonly kind: ServiceKind;
  readonly process: ProcessHandle;
  readonly http: string;
  readonly clock: ProcessClock;
  /** Between the clients and this gateway. */
  readonly clients?: TcpProxy;
  /** Between this process and each node of the broker. */
  readonly broker: readonly TcpProxy[];
  /** Between this process and the database, or the pooler before it; a gateway has none. */
  readonly database?: TcpProxy;
}

export interface MemberOptions {
  kind: ServiceKind;
  /** `gateway-1`, … */
  name: string;
  dataDir: string;
  logFile: string;
  /** Root of the work tree whose services run. */
  root: string;
  amqpUrls: readonly string[];
  databaseUrl: string;
  /** What its kind needs besides. */
  env: NodeJS.ProcessEnv;
}

/** Starts a service behind its proxies, and waits until it is ready. */
export async function startMember(options: MemberOptions): Promise<Member> {
  const { kind, name, dataDir, logFile, root, amqpUrls, databaseUrl } = options;
  const port = await freePort();
  const broker = await Promise.all(amqpUrls.map((url) => TcpProxy.listen(portOf(url))));
  const database = kind === 'gateway' ? undefined : await TcpProxy.listen(portOf(databaseUrl));
  const clients = kind === 'gateway' ? await TcpProxy.listen(port) : undefined;
  const clock = new ProcessClock(join(dataDir, `${name}.clock`));
  const env = {
    ...SETTINGS,
    NODE_ENV: undefined,
    ...clock.env,
    AMQP_URL: amqpUrls.map((url, i) => withPort(url, broker[i]?.port)).join(','),
    DATABASE_URL: database && withPort(databaseUrl, database.port),
    ...options.env,
  };
  const spec = service({ kind, name, port, dataDir, logFile, servicesDir: join(root, 'services'), env });
  const process = await ProcessHandle.start(spec);
  const ways = { broker, ...(clients && { clients }), ...(database && { database }) };
  return { kind, process, http: spec.http, clock, ...ways };
}

const portOf = (url: string) => Number(new URL(url).port);

function withPort(url: string, port: number | undefined): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
