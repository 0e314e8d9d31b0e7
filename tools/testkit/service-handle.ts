import type { Child } from '../stack/child.ts';
import { type ManagedProcess, startProcess } from '../stack/managed-process.ts';
import { service, type ServiceKind, type ServiceOptions, webSocketUrl } from '../stack/service.ts';
import { ProcessHandle } from './process-handle.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** Variables of a test runner that a real service would not see. */
const RUNNER_VARIABLES = ['NODE_ENV', 'NODE_OPTIONS', 'VITEST', 'TEST', 'DEV', 'PROD', 'MODE', 'SSR'];

/** The proxies of a service, one on each of its connections to others. */
export interface Proxies {
  /** Between the clients and this gateway. */
  readonly clients?: TcpProxy;
  /** Between this process and each node of the broker. */
  readonly broker: readonly TcpProxy[];
  /** Between this process and the database, or the pooler before it; a gateway has none. */
  readonly database?: TcpProxy;
}

/** A running service in the hands of a test. */
export class ServiceHandle extends ProcessHandle {
  readonly kind: ServiceKind;
  /** Base address of metrics and probes: `http://127.0.0.1:port`, or https with TLS. */
  readonly http: string;
  /** Where clients connect (a gateway only): `ws://127.0.0.1:port/ws`, or wss with TLS; through the proxy, if there is one. */
  readonly url: string;
  /** What the test put into its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** None unless they were asked for. */
  readonly proxies: Proxies;

  private constructor(spec: ManagedProcess, child: Child, { kind, env }: ServiceOptions, proxies: Proxies) {
    super(spec, child);
    this.kind = kind;
    this.http = spec.http ?? `http://127.0.0.1:${this.port}`;
    const { clients } = proxies;
    this.url = webSocketUrl(clients ? withPort(this.http, clients.port).replace(/\/$/, '') : this.http);
    this.env = env;
    this.proxies = proxies;
  }

  /** Launches a service and waits until it is ready. @param watch called before it starts */
  static async startService(
    options: ServiceOptions,
    {
      behindProxies = false,
      watch,
    }: { behindProxies?: boolean; watch?: ((spec: ManagedProcess) => void) | undefined } = {},
  ): Promise<ServiceHandle> {
    const hidden = Object.fromEntries(RUNNER_VARIABLES.map((name) => [name, undefined]));
    const { proxies, env } = behindProxies ? await proxiesOf(options) : { proxies: { broker: [] }, env: {} };
    const spec = service({ ...options, env: { ...hidden, ...options.env, ...env } });
    watch?.(spec);
    try {
      return new ServiceHandle(spec, await startProcess(spec), options, proxies);
    } catch (error) {
      await closeAll(proxies);
      throw error;
    }
  }

  closeProxies(): Promise<unknown> {
    return closeAll(this.proxies);
  }
}

const closeAll = ({ clients, broker, database }: Proxies) =>
  Promise.all([clients, ...broker, database].flatMap((proxy) => proxy?.close() ?? []));

async function proxiesOf({ kind, port, env }: ServiceOptions) {
  const urls = env['AMQP_URL']?.split(',') ?? [];
  const databaseUrl = kind === 'gateway' ? undefined : env['DATABASE_URL'];
  const broker = await Promise.all(urls.map((url) => TcpProxy.listen(portOf(url))));
  const database = databaseUrl === undefined ? undefined : await TcpProxy.listen(portOf(databaseUrl));
  const clients = kind === 'gateway' ? await TcpProxy.listen(port) : undefined;
  return {
    proxies: { broker, ...(clients && { clients }), ...(database && { database }) },
    env: {
      AMQP_URL: urls.map((url, n) => withPort(url, broker[n]?.port)).join(','),
      DATABASE_URL: database && databaseUrl && withPort(databaseUrl, database.port),
    },
  };
}

const portOf = (url: string) => Number(new URL(url).port);

function withPort(url: string, port: number | undefined): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
