import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ManagedProcess } from './managed-process.ts';

/** The part of a supervisor that the endpoint uses. */
export interface Controlled {
  readonly processes: readonly { spec: ManagedProcess; pid: number; running: boolean }[];
  /** @returns whether there is such a process, and it runs */
  kill(name: string): boolean;
}

/** Where the demo page reaches the endpoint, and with which token. */
export interface Control {
  readonly url: string;
  readonly token: string;
  close(): void;
}

/**
 * Lets the demo page kill processes of this stack: `GET /processes`, `POST /kill/NAME`. On loopback only, for those who
 * have the token, which is new at every start.
 *
 * @param origins pages that may ask: those of our gateways
 */
export async function startControl(
  controlled: Controlled,
  port: number,
  origins: readonly string[],
): Promise<Control> {
  const token = randomBytes(32).toString('base64url');
  const server = createServer((request, response) =>
    answer(controlled, { token, origins }, request, response),
  );
  await listening(server, port);
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Access {
  token: string;
  origins: readonly string[];
}

function answer(
  controlled: Controlled,
  access: Access,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { origin = '', authorization = '' } = request.headers;
  if (access.origins.includes(origin)) {
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Allow-Headers', 'Authorization');
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
  }
  response.setHeader('Vary', 'Origin').setHeader('Cache-Control', 'no-store');
  if (request.method === 'OPTIONS') response.writeHead(204).end();
  else if (!isSame(authorization, `Bearer ${access.token}`)) response.writeHead(401).end();
  else handle(controlled, request, response);
}

function handle(
  controlled: Controlled,
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
): void {
  const [, name] = /^\/kill\/([a-z0-9-]+)$/.exec(url) ?? [];
  if (method === 'GET' && url === '/processes') {
    const processes = controlled.processes.map(({ spec, pid, running }) => ({
      name: spec.name,
      pid,
      running,
    }));
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ processes }));
  } else if (method === 'POST' && name !== undefined) {
    response.writeHead(controlled.kill(name) ? 202 : 404).end();
  } else response.writeHead(404).end();
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
