import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { json } from 'node:stream/consumers';

const HOST = '127.0.0.1';

/** No eval, no script but the page's own. */
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self' ws://127.0.0.1:*";

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

/** A message that a page saved. */
interface Saved {
  readonly from: string;
  readonly id: string;
  readonly again?: true;
}

/** A page, and its back end. */
export interface Visit {
  /** Files of the page. */
  readonly folder: string;
  /** Who the back end says that the user is. */
  readonly me: { readonly url: string; readonly user: string; readonly peer: string };
  readonly token: () => Promise<string>;
  /** What the page gave to the back end, in order. */
  readonly saved: Saved[];
}

/** A web site on the loopback address with pages that bundlers made, and the back end that they ask for. */
export class BundleSite implements AsyncDisposable {
  readonly #server: Server;
  readonly #visits = new Map<string, Visit>();
  readonly #origin: string;

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    this.#origin = `http://${HOST}:${address.port}`;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<BundleSite> {
    const server = createServer().listen(0, HOST);
    await once(server, 'listening');
    return new BundleSite(server);
  }

  /** @returns the address of the page */
  add(name: string, visit: Visit): string {
    this.#visits.set(name, visit);
    return `${this.#origin}/${name}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // URL has resolved every `..`.
    const [, name = '', ...rest] = new URL(request.url ?? '/', this.#origin).pathname.split('/');
    const path = rest.join('/') === '' ? 'index.html' : rest.join('/');
    const visit = this.#visits.get(name);
    const content = visit && (await contentOf(visit, path, request).catch(() => undefined));
    response.writeHead(content === undefined ? 404 : 200, {
      'content-type': TYPES[extname(path)] ?? 'text/plain',
      'content-security-policy': POLICY,
    });
    response.end(content);
  }
}

async function contentOf(visit: Visit, path: string, request: IncomingMessage): Promise<string> {
  if (path === 'me') return JSON.stringify(visit.me);
  if (path === 'token') return visit.token();
  if (path !== 'messages') return readFile(join(visit.folder, path), 'utf8');
  visit.saved.push((await json(request)) as Saved);
  return '';
}
