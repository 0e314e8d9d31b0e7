import { once } from 'node:events';
import { WebSocket } from 'ws';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';
import type { ErrorPacket, ServerPacket } from '#libs/protocol/server-packets.ts';
import type { SeededRandom } from '../testkit/seeded-random.ts';
import { until } from '../stack/until.ts';
import { packetFault } from './answers.ts';

/** How long a message may take until its sender knows that it is delivered, milliseconds, on a machine that is busy. */
const DELIVERED_WITHIN_MS = 30_000;

const BODIES = [
  '"hello"',
  '-0',
  '{"__proto__":{"a":1}}',
  '"\\u0000\\ud800"',
  '[1, {"b": [ ]}]',
  '1e2',
  '"日本語"',
  `"${'x'.repeat(2_000)}"`,
];

/** A machine without time to spare may make the services answer `unavailable`: then it is sent again, as a client does. */
const AGAIN_AFTER_MS = 500;

/** A client that does everything right. */
class Client {
  /** What ended it, or should never have been said to it. */
  fault: string | undefined;
  refused = 0;
  readonly #socket: WebSocket;
  #isIn = false;
  #latest = '';

  private constructor(url: string, onPacket: (packet: ServerPacket, text: string) => void) {
    this.#socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false });
    this.#socket.on('close', (code) => (this.fault ??= `an honest client was closed with ${code}`));
    this.#socket.on('error', (error) => (this.fault ??= `an honest client failed: ${error.message}`));
    this.#socket.on('message', (data: Buffer) => {
      const text = data.toString();
      this.fault ??= packetFault(text);
      const packet = JSON.parse(text) as ServerPacket;
      if (packet.type === 'login:A') this.#isIn = true;
      else if (packet.type === 'error') this.#told(packet, text);
      else onPacket(packet, text);
    });
  }

  static async login(url: string, token: string, onPacket: (packet: ServerPacket, text: string) => void) {
    const client = new Client(url, onPacket);
    await once(client.#socket, 'open');
    client.send(JSON.stringify({ type: 'login:R', token }));
    await until(() => client.#isIn, { what: 'the login of an honest client' });
    return client;
  }

  send(text: string): void {
    this.#latest = text;
    this.#socket.send(text);
  }

  end(): void {
    this.#socket.terminate();
  }

  #told({ code }: ErrorPacket, text: string): void {
    if (code !== 'unavailable') this.fault ??= `an honest client was told ${text}`;
    this.refused++;
    setTimeout(() => this.#socket.readyState === WebSocket.OPEN && this.send(this.#latest), AGAIN_AFTER_MS);
  }
}

/** Two users who do nothing wrong, and to whom nothing must happen: each message comes as it was sent, and in time. */
export class HonestPair {
  delivered = 0;
  longestMs = 0;
  /** Times that one of them was told `unavailable`. */
  refused = 0;
  readonly #url: string;
  readonly #tokens: readonly [string, string];
  readonly #to: string;

  constructor(url: string, to: string, tokens: readonly [sender: string, receiver: string]) {
    this.#url = url;
    this.#to = to;
    this.#tokens = tokens;
  }

  /** Sends message after message until the signal. @throws Error with what went wrong */
  async run(random: SeededRandom, signal: AbortSignal): Promise<void> {
    const bodies = new Map<string, string>();
    const told = new Map<string, string>();
    const receiver = await Client.login(this.#url, this.#tokens[1], (packet, text) => {
      if (packet.type !== 'msg:N') return;
      bodies.set(packet.id, text.slice(text.indexOf('"body":') + 7, text.lastIndexOf(',"at":')));
      receiver.send(JSON.stringify({ type: 'ack:R', id: packet.id, from: packet.from }));
    });
    const sender = await Client.login(this.#url, this.#tokens[0], (packet) => {
      if (packet.type === 'ack:N') told.set(packet.id, packet.state);
    });
    const fault = () => sender.fault ?? receiver.fault;
    try {
      for (let n = 0; !signal.aborted; n++) {
        const [id, body] = [`h${n}`, random.pick(BODIES)];
        const began = performance.now();
        sender.send(`{"type":"msg:R","id":"${id}","to":"${this.#to}","body":${body}}`);
        await until(() => signal.aborted || (fault() ?? told.get(id)), {
          what: `message ${id} to ${this.#to}`,
          timeoutMs: DELIVERED_WITHIN_MS,
          intervalMs: 20,
        });
        if (fault() !== undefined) throw new Error(fault());
        const state = told.get(id);
        if (state === undefined) break; // it is over
        if (state !== 'delivered') throw new Error(`a message to an honest client who is there was ${state}`);
        if (bodies.get(id) !== body) throw new Error(`${body} came as ${bodies.get(id) ?? 'nothing'}`);
        this.delivered++;
        this.longestMs = Math.max(this.longestMs, performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, random.integer(0, 50)));
      }
    } finally {
      this.refused = sender.refused + receiver.refused;
      sender.end();
      receiver.end();
    }
  }
}
