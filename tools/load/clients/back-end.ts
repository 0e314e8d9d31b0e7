import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface BackEndOptions {
  /** `http://…/v1/messages` of a gateway. */
  url: string;
  /** A service token with the scope `send`. */
  token: string;
  /** Lines of NDJSON, many in a request; otherwise a request for each message. */
  batches: boolean;
  fault: (what: string) => void;
}

/** A message to send, and what to do when it is accepted. */
interface Waiting {
  json: string;
  accepted: () => void;
}

/** Requests at a time. */
const SINGLE_REQUESTS = 64;
const BATCH_REQUESTS = 4;
/** Lines of a request, at most (PROTOCOL: the same over HTTP). */
const MAX_LINES = 1_000;

/** Sends messages over HTTP, on connections that stay open. What comes while its requests are under way, waits. */
export class BackEnd {
  readonly #options: BackEndOptions;
  readonly #agent: Agent;
  readonly #most: number;
  #waiting: Waiting[] = [];
  #underWay = 0;
  #scheduled = false;

  constructor(options: BackEndOptions) {
    this.#options = options;
    this.#most = options.batches ? BATCH_REQUESTS : SINGLE_REQUESTS;
    this.#agent = new Agent({ keepAlive: true, maxSockets: this.#most });
  }

  /** @param json a message, as POST /v1/messages takes it */
  send(json: string, accepted: () => void): void {
    this.#waiting.push({ json, accepted });
    this.#schedule();
  }

  /** Messages of one turn of the event loop share a batch. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#waiting.length > 0 && this.#underWay < this.#most)
        void this.#post(this.#waiting.splice(0, this.#options.batches ? MAX_LINES : 1));
    });
  }

  async #post(messages: readonly Waiting[]): Promise<void> {
    this.#underWay++;
    try {
      const body = messages.map(({ json }) => json).join('\n');
      const { statusCode, said } = await this.#request(body);
      const answers = this.#options.batches ? said.split('\n').filter((line) => line !== '') : [said];
      const refused = answers.find((answer) => !answer.startsWith('{"id":') || answer.includes('"error":'));
      if (statusCode >= 300 || answers.length !== messages.length || refused !== undefined)
        throw new Error(`HTTP ${statusCode}: ${(refused ?? said).slice(0, 300)}`);
      for (const { accepted } of messages) accepted();
    } catch (error) {
      this.#options.fault(`a request failed: ${String(error)}`);
    }
    this.#underWay--;
    if (this.#waiting.length > 0) this.#schedule();
  }

  async #request(body: string): Promise<{ statusCode: number; said: string }> {
    const { url, token, batches } = this.#options;
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': batches ? 'application/x-ndjson' : 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { method: 'POST', agent: this.#agent, headers }, resolve).on('error', reject).end(body);
    });
    return { statusCode: response.statusCode ?? 0, said: await text(response) };
  }
}
