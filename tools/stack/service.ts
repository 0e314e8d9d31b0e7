import { join } from 'node:path';
import { startChild } from './child.ts';
import { childEnvironment, REPOSITORY } from './environment.ts';
import type { ManagedProcess } from './managed-process.ts';

/** Names of the services, and of their folders. */
export type ServiceKind = 'gateway' | 'routing' | 'ack';

/** One process of a service. */
export interface ServiceOptions {
  kind: ServiceKind;
  /** As in stack.json: `gateway-1`. */
  name: string;
  port: number;
  /** Data directory of the stack, by which the process is recognised as a part of it. */
  dataDir: string;
  logFile: string;
  /** On top of our own environment; a variable that is undefined here is left out. */
  env: NodeJS.ProcessEnv;
  /** Folder that holds `<kind>/main.ts`. */
  servicesDir?: string | undefined;
}

/** Longest time a service takes to finish what is under way, unless the environment says otherwise. */
const DRAIN_TIMEOUT_MS = 10_000;

/** A service process: Node itself runs its `main.ts`, so the pid is the service's own. */
export function service(options: ServiceOptions): ManagedProcess & { http: string } {
  const { kind, name, port, dataDir, logFile, servicesDir = join(REPOSITORY, 'services') } = options;
  const http = `http://127.0.0.1:${port}`;
  const env = childEnvironment(dataDir, { ...options.env, HOST: '127.0.0.1', PORT: String(port) });
  const drainMs = Number(env['DRAIN_TIMEOUT_MS'] ?? DRAIN_TIMEOUT_MS);
  return {
    name,
    port,
    http,
    logFile,
    stopRank: kind === 'gateway' ? 0 : 1, // so that someone takes what a gateway hands back
    stopSignal: 'SIGTERM',
    stopTimeoutMs: drainMs + 5_000,
    startTimeoutMs: 60_000,
    launch: () =>
      startChild({
        command: process.execPath,
        args: [join(servicesDir, kind, 'main.ts')],
        cwd: REPOSITORY,
        env,
        logFile,
      }),
    isReady: () => isReady(http),
  };
}

/** Whether the service at `http` says that it is ready. */
export async function isReady(http: string): Promise<boolean> {
  const response = await fetch(`${http}/readyz`, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.ok;
}
