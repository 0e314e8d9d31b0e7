import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '../stack/token.ts';

/** Tokens expire while the endpoint is down; clock errors of gateways are smaller. Seconds. */
const TOKEN_S = 30;
/** What a back end may do: send as any user. */
const SERVICE = { as: ['*'], scopes: ['send'] };
/** How long a request hangs at most, milliseconds. */
const HANG_MS = 60_000;

/** Where applications get their users' tokens from, as a product's back end would give them out. */
export class TokenEndpoint {
  mode: 'answers' | 'refuses' | 'hangs' | 'talks nonsense' = 'answers';
  readonly #secret: string;
  readonly #server = createServer((request, response) => {
    const user = new URL(request.url ?? '', 'http://localhost').searchParams.get('user') ?? undefined;
    void this.#answer(user, response);
  });

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** @returns its address; `?user=` names whose token is wanted: without it, the token of a back end */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    return `http://127.0.0.1:${address.port}/`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(user: string | undefined, response: ServerResponse): Promise<void> {
    if (this.mode === 'hangs') await delay(HANG_MS, undefined, { ref: false });
    if (this.mode === 'refuses') response.writeHead(500).end();
    else if (this.mode === 'talks nonsense') response.end('{}');
    else {
      const claims = user === undefined ? { sixfold: SERVICE } : {};
      response.end(
        JSON.stringify({ token: await signToken(this.#secret, user ?? 'back-end', TOKEN_S, claims) }),
      );
    }
  }
}
