import type { Child } from '../../tools/stack/child.ts';
import { type ManagedProcess, startProcess } from '../../tools/stack/managed-process.ts';
import { ProcessHandle } from '../../tools/stack/process-handle.ts';
import { service, webSocketUrl, type ServiceKind, type ServiceOptions } from '../../tools/stack/service.ts';
import { watchLog } from './logs.ts';

/** Variables of the test runner that a real service would not see. */
const RUNNER_VARIABLES = ['NODE_ENV', 'NODE_OPTIONS', 'VITEST', 'TEST', 'DEV', 'PROD', 'MODE', 'SSR'];

/** A running service in the hands of a test. */
export class ServiceHandle extends ProcessHandle {
  readonly kind: ServiceKind;
  /** Base address of metrics and probes: `http://127.0.0.1:port`, or https with TLS. */
  readonly http: string;
  /** Where clients connect (a gateway only): `ws://127.0.0.1:port/ws`, or wss with TLS. */
  readonly url: string;
  /** What the test and the stack put into its environment, on top of the test's own. */
  readonly env: NodeJS.ProcessEnv;

  constructor(spec: ManagedProcess, child: Child, { kind, env }: Pick<ServiceOptions, 'kind' | 'env'>) {
    super(spec, child);
    watchLog(spec.name, spec.logFile);
    this.kind = kind;
    this.http = spec.http ?? `http://127.0.0.1:${this.port}`;
    this.url = webSocketUrl(this.http);
    this.env = env;
  }

  /** Launches a service and waits until it is ready. */
  static async startService(options: ServiceOptions): Promise<ServiceHandle> {
    const hidden = Object.fromEntries(RUNNER_VARIABLES.map((name) => [name, undefined]));
    const spec = service({ ...options, env: { ...hidden, ...options.env } });
    return new ServiceHandle(spec, await startProcess(spec), options);
  }
}
