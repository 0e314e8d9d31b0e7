import { get } from 'node:http';
import { get as getSecurely } from 'node:https';
import { join } from 'node:path';
import { startChild } from './child.ts';
import { childEnvironment, REPOSITORY } from './environment.ts';
import type { ManagedProcess } from './managed-process.ts';

/** Names of the services, and of their folders. */
export type ServiceKind = 'gateway' | 'routing' | 'ack' | 'webhook' | 'console';

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

/**
 * Young objects in 16 MiB, as in the Dockerfile. V8 would take 64 when many clients log in at once, and give them back after
 * minutes. Options that are given come behind it, and win.
 */
const YOUNG = '--max-semi-space-size=8';

/** A service process: Node itself runs its `main.ts`, so the pid is the service's own. */
export function service(options: ServiceOptions): ManagedProcess & { http: string } {
  const { kind, name, port, dataDir, logFile, servicesDir = join(REPOSITORY, 'services') } = options;
  const env = childEnvironment(dataDir, {
    HOST: '127.0.0.1',
    ...options.env,
    NODE_OPTIONS: `${YOUNG} ${options.env['NODE_OPTIONS'] ?? ''}`,
    PORT: String(port),
    CONSOLE_PORT: String(port),
  });
  const http = `${kind === 'gateway' && env['TLS_CERT'] ? 'https' : 'http'}://127.0.0.1:${port}`;
  const drainMs = Number(env['DRAIN_TIMEOUT_MS'] ?? DRAIN_TIMEOUT_MS);
  return {
    name,
    port,
    http,
    logFile,
    stopRank: kind === 'gateway' ? 0 : 1, // so that someone takes what a gateway hands back
    stopSignal: 'SIGTERM',
    stopTimeoutMs: drainMs + 20_000,
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

/** Where clients connect to the gateway at `http`. */
export const webSocketUrl = (http: string): string => `${http.replace('http', 'ws')}/ws`;

/** Whether the service at `http` says that it is ready. Its certificate names the address of its clients, not this one. */
export function isReady(http: string): Promise<boolean> {
  const options = { rejectUnauthorized: false, agent: false, signal: AbortSignal.timeout(2_000) };
  return new Promise((resolve, reject) => {
    (http.startsWith('https:') ? getSecurely : get)(`${http}/readyz`, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on('error', reject);
  });
}
