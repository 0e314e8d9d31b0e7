import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { rolldown } from 'rolldown';

const HOST = '127.0.0.1';
const HTML = '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>';
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self' ws://127.0.0.1:*";

/** Answers a request: its body, and what its address says after `?`. */
export type Answer = (body: string, query: URLSearchParams) => Promise<string> | string;

/** A web site on the loopback address, with the page of a browser full of clients. */
export class ClientSite {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    this.url = `http://${HOST}:${address.port}/`;
  }

  /** @param root of the work tree whose client library the page uses @param answers what the page asks for, by path */
  static async start(root: string, answers: Readonly<Record<string, Answer>>): Promise<ClientSite> {
    const script = await buildPage(root);
    const all: Record<string, Answer> = { '/': () => HTML, '/page.js': () => script, ...answers };
    const server = createServer((request, response) => void respond(all, request, response));
    server.keepAliveTimeout = 0; // a browser that stands still keeps its connections
    server.listen(0, HOST);
    await once(server, 'listening');
    return new ClientSite(server);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const typeOf = (path: string) =>
  path === '/' ? 'text/html' : path.endsWith('.js') ? 'text/javascript' : 'text/plain';

async function respond(
  answers: Readonly<Record<string, Answer>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', `http://${HOST}`);
  const answer = answers[pathname];
  try {
    const content = await answer?.(await text(request), searchParams);
    response.writeHead(answer ? 200 : 404, {
      'content-type': typeOf(pathname),
      'content-security-policy': POLICY,
    });
    response.end(content);
  } catch {
    response.writeHead(500).end(); // the page went in the middle of its request, or there is no token
  }
}

async function buildPage(root: string): Promise<string> {
  const folder = join(root, 'tools/chaos/browsers/page');
  const bundle = await rolldown({
    input: join(folder, 'main.ts'),
    cwd: root,
    platform: 'browser',
    resolve: { alias: { 'node:timers/promises': join(folder, 'timers.ts') } },
  });
  const { output } = await bundle.generate({ format: 'es' });
  await bundle.close();
  return output[0].code;
}
