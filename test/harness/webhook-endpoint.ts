import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import type { Event } from '#libs/events/event.ts';
import type { Certificates } from './certificates.ts';

export const SECRET = `whsec_${Buffer.alloc(32, 'test').toString('base64')}`;

/** A request as it came. */
export interface Call {
  id: string;
  events: Event[];
  headers: Record<string, string>;
  body: string;
  path: string;
  /** Milliseconds of performance.now(). */
  at: number;
}

/** How an endpoint answers. */
export type Answer = (response: ServerResponse, call: Call) => void;

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end();

/** A back end's endpoint. It checks every signature with the library, as a back end would. */
export class WebhookEndpoint implements AsyncDisposable {
  readonly url: string;
  /** All requests with a right signature, in order. */
  readonly calls: Call[] = [];
  /** Events of the requests that got a 2xx, in order. */
  readonly taken: Event[] = [];
  /** Requests with a wrong signature, or without one. */
  readonly forged: string[] = [];
  answer: Answer = status(204);
  readonly #server: Server;
  readonly #secret: string;

  private constructor(server: Server, secret: string, tls: boolean) {
    this.#server = server;
    this.#secret = secret;
    const { port } = server.address() as AddressInfo;
    this.url = `${tls ? 'https' : 'http'}://localhost:${port}/hook`;
  }

  /** @param options `port`: a free one by default */
  static async listen(options: { secret?: string; tls?: Certificates; port?: number } = {}) {
    const { secret = SECRET, tls, port = 0 } = options;
    const server = tls
      ? createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) })
      : createServer();
    server.listen(port, 'localhost');
    await once(server, 'listening');
    const endpoint = new WebhookEndpoint(server, secret, tls !== undefined);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void endpoint.#take(request, response).catch(() => response.destroy());
    });
    return endpoint;
  }

  /** Names of the events that were taken. */
  get names(): string[] {
    return this.taken.map(({ event }) => event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const headers = request.headers as Record<string, string>;
    try {
      new Webhook(this.#secret).verify(body, headers);
    } catch (error) {
      this.forged.push(String(error));
      response.writeHead(401).end();
      return;
    }
    const events = JSON.parse(body) as Event[];
    const { 'webhook-id': id = '' } = headers;
    const call = { id, events, headers, body, path: request.url ?? '', at: performance.now() };
    this.calls.push(call);
    this.answer(response, call);
    const taken = () => isOk(response) && this.taken.push(...events);
    if (response.headersSent) taken();
    else response.once('finish', taken);
  }
}

const isOk = ({ statusCode }: ServerResponse) => statusCode >= 200 && statusCode < 300;
