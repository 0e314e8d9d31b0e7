import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request that the server got. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (response: ServerResponse, request: SeenRequest) => void;

/** An HTTP server that answers each request with the next of its answers; the last one stays. */
export class FakeHttp implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  readonly #server;

  private constructor(answers: Answer[]) {
    this.#server = createServer((request, response) => {
      const { method = '', url: path = '', headers } = request;
      void text(request).then((body) => {
        const seen = { method, path, headers, body };
        this.seen.push(seen);
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        answer?.(response, seen);
      });
    });
  }

  static async start(...answers: Answer[]): Promise<FakeHttp> {
    const fake = new FakeHttp(answers);
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Answers with JSON. */
export const json =
  (status: number, body: object, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(body));
