import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ManagedProcess } from './managed-process.ts';
import { type SpanExport, Spans } from './spans.ts';

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

/** Largest export of spans, characters. */
const MAX_EXPORT = 4_000_000;

/**
 * Lets the demo page kill processes of this stack (`GET /processes`, `POST /kill/NAME`), and tells what the services did
 * with a message (`GET /steps?from=&id=`), whose spans they send (`POST /v1/traces`). On loopback only, for those who have
 * the token, which is new at every start.
 *
 * @param origins pages that may ask: those of our gateways
 */
export async function startControl(
  controlled: Controlled,
  port: number,
  origins: readonly string[],
): Promise<Control> {
  const token = randomBytes(32).toString('base64url');
  const parts = { controlled, spans: new Spans() };
  const server = createServer((request, response) => answer(parts, { token, origins }, request, response));
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

interface Parts {
  controlled: Controlled;
  spans: Spans;
}

interface Access {
  token: string;
  origins: readonly string[];
}

function answer(parts: Parts, access: Access, request: IncomingMessage, response: ServerResponse): void {
  const { origin = '', authorization = '' } = request.headers;
  if (access.origins.includes(origin)) {
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Allow-Headers', 'Authorization');
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
  }
  response.setHeader('Vary', 'Origin').setHeader('Cache-Control', 'no-store');
  if (request.method === 'OPTIONS') response.writeHead(204).end();
  else if (!isSame(authorization, `Bearer ${access.token}`)) response.writeHead(401).end();
  else handle(parts, request, response);
}

function handle({ controlled, spans }: Parts, request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '' } = request;
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const [, name] = /^\/kill\/([a-z0-9-]+)$/.exec(pathname) ?? [];
  if (method === 'GET' && pathname === '/processes') {
    const processes = controlled.processes.map(({ spec, pid, running }) => ({
      name: spec.name,
      pid,
      running,
    }));
    sendJson(response, { processes });
  } else if (method === 'GET' && pathname === '/steps') {
    sendJson(response, { steps: spans.of(searchParams.get('from') ?? '', searchParams.get('id') ?? '') });
  } else if (method === 'POST' && pathname === '/v1/traces') {
    void takeSpans(spans, request, response);
  } else if (method === 'POST' && name !== undefined) {
    response.writeHead(controlled.kill(name) ? 202 : 404).end();
  } else response.writeHead(404).end();
}

const sendJson = (response: ServerResponse, body: object) =>
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));

async function takeSpans(spans: Spans, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  try {
    for await (const chunk of request.setEncoding('utf8')) {
      body += String(chunk);
      if (body.length > MAX_EXPORT) {
        response.writeHead(413).end();
        return;
      }
    }
    spans.add(JSON.parse(body) as SpanExport);
    sendJson(response, {});
  } catch {
    response.writeHead(400).end();
  }
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
