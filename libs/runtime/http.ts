import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import express, { type Router } from 'express';
import { collectDefaultMetrics, register } from 'prom-client';
import { within } from './backoff.ts';

collectDefaultMetrics();

const CLOSE_TIMEOUT_MS = 2_000;

export interface HttpOptions {
  host: string;
  port: number;
  /** Why the service cannot work now, a line each; empty when it is ready. */
  notReady: () => string[];
  /** Limits for connections; Node's defaults otherwise. */
  limits?: ServerOptions;
  /** Set: HTTPS. */
  tls?: TlsOptions | undefined;
  /** What else is served, by path: never one of ours. */
  routes?: Readonly<Record<string, Router>>;
}

/** Serves /metrics, /healthz (the process lives) and /readyz (it can work), the same in every service. */
export function createHttp({
  notReady,
  limits = {},
  tls,
  routes = {},
}: Omit<HttpOptions, 'host' | 'port'>): Server {
  const app = express().disable('x-powered-by').disable('etag').enable('case sensitive routing');
  for (const [path, router] of Object.entries(routes)) app.use(path, router);
  app.get('/healthz', (_request, response) => {
    response.type('text').send('ok\n');
  });
  app.get('/readyz', (_request, response) => {
    const reasons = notReady();
    response
      .status(reasons.length === 0 ? 200 : 503)
      .type('text')
      .send(reasons.length === 0 ? 'ready\n' : `${reasons.join('\n')}\n`);
  });
  app.get('/metrics', async (_request, response) => {
    response.type(register.contentType).send(await register.metrics());
  });
  return tls ? createTlsServer({ ...limits, ...tls }, app) : createServer(limits, app);
}

/**
 * Listens, and resolves to the port.
 *
 * @param onError gets later failures (no file descriptors left), which pass by themselves
 * @throws with the system's reason, such as EADDRINUSE
 */
export function listen(
  server: Server,
  { host, port, onError }: Pick<HttpOptions, 'host' | 'port'> & { onError: (error: Error) => void },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 4096 }, () => {
      server.off('error', reject).on('error', onError);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Takes no further request, and closes all connections. */
export async function closeHttp(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await within(CLOSE_TIMEOUT_MS, closed);
}
