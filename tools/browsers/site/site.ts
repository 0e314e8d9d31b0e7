import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join, normalize } from 'node:path';
import { text } from 'node:stream/consumers';
import { REPOSITORY } from '../../stack/environment.ts';
import type { Report } from '../page/api.ts';
import { buildPage, compileClient, IDB, importMap } from './build.ts';

const HOST = '127.0.0.1';
const IMPORT_MAP = JSON.stringify(importMap());
const DIGEST = createHash('sha256').update(IMPORT_MAP).digest('base64');

/** As strict as it can be: no eval, no inline scripts but the import map, connections to the loopback address only. */
const POLICY = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${DIGEST}'`,
  "connect-src 'self' ws://127.0.0.1:* http://127.0.0.1:*",
  "worker-src 'self'",
].join('; ');

const page = (script: string) =>
  `<!doctype html><meta charset="utf-8"><title>Sixfold</title>` +
  `<script type="importmap">${IMPORT_MAP}</script><script type="module" src="${script}"></script>`;

/** As a page in a sandboxed frame, which has no origin and may not store. */
const SANDBOXED = '/sandboxed';
const sandbox = (path: string) => (path === SANDBOXED ? '; sandbox allow-scripts' : '');

/** By path: the type of a file, and its content. */
type Files = ReadonlyMap<string, readonly [type: string, content: string]>;

/** A web site on the loopback address with the pages of tests, and what they reported. */
export class Site implements AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** In the order in which they came. */
  readonly reports: Report[] = [];
  readonly #server: Server;
  readonly #files: Files;
  readonly #dist: string;

  private constructor(server: Server, dist: string, files: Files) {
    this.#server = server;
    this.#dist = dist;
    this.#files = files;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    this.origin = `http://${HOST}:${address.port}`;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  /** Compiles the client of a work tree (default: this one) into a folder below `dataDir`, and serves it. */
  static async start(dataDir: string, root = REPOSITORY): Promise<Site> {
    const dist = join(dataDir, 'client');
    const [modules, bundle, worker] = await Promise.all([
      buildPage(root, 'main.ts', { bundled: false }),
      buildPage(root, 'main.ts', { bundled: true }),
      buildPage(root, 'worker.js', { bundled: true }),
      compileClient(root, dist),
    ]);
    // It closes no connection that a page may be about to use: what is lost then is a report, or a module.
    const server = createServer({ keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 }).listen(
      0,
      HOST,
    );
    await once(server, 'listening');
    return new Site(
      server,
      dist,
      new Map<string, [string, string]>([
        ['/', ['text/html', page('/main.js')]],
        [SANDBOXED, ['text/html', page('/bundle.js')]],
        ['/main.js', ['text/javascript', modules]],
        ['/idb.js', ['text/javascript', await readFile(IDB, 'utf8')]],
        ['/worker.js', ['text/javascript', worker]],
        ['/bundled', ['text/html', page('/bundle.js')]],
        ['/bundle.js', ['text/javascript', bundle]],
      ]),
    );
  }

  /** The page whose client is one file. */
  get bundled(): string {
    return `${this.origin}/bundled`;
  }

  /** A page that may not store anything. */
  get sandboxed(): string {
    return this.origin + SANDBOXED;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    await rm(this.#dist, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = normalize(new URL(request.url ?? '/', this.origin).pathname);
    const [status, type, content] = await this.#content(path, request).catch(
      () => [404, 'text/plain', ''] as const,
    );
    response.writeHead(status, {
      'content-type': type,
      'content-security-policy': POLICY + sandbox(path),
      // Modules, and reports, of a page without an origin.
      'access-control-allow-origin': '*',
    });
    response.end(content);
  }

  async #content(path: string, request: IncomingMessage): Promise<readonly [number, string, string]> {
    if (path === '/reports') {
      this.reports.push(...(JSON.parse(await text(request)) as Report[]));
      return [204, 'text/plain', ''];
    }
    const known = this.#files.get(path);
    if (known) return [200, ...known];
    if (!path.startsWith('/client/')) return [404, 'text/plain', ''];
    return [200, 'text/javascript', await readFile(join(this.#dist, path.slice('/client/'.length)), 'utf8')];
  }
}
