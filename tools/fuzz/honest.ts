import { once } from 'node:events';
import { WebSocket } from 'ws';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';
import type { ServerPacket } from '#libs/protocol/server-packets.ts';
import type { Dice } from '../chaos/dice.ts';
import { until } from '../stack/until.ts';
import { packetFault } from './answers.ts';

/** How long a message may take until its sender knows that it is delivered, milliseconds, on a machine that is busy. */
const DELIVERED_WITHIN_MS = 15_000;

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

/** Logs in. @returns the socket, and a promise of what would be the end of it */
async function login(url: string, token: string, onPacket: (packet: ServerPacket, text: string) => void) {
  const socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false });
  let fault: string | undefined;
  let isIn = false;
  socket.on('close', (code) => (fault ??= `an honest client was closed with ${code}`));
  socket.on('error', (error) => (fault ??= `an honest client failed: ${error.message}`));
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    fault ??= packetFault(text);
    const packet = JSON.parse(text) as ServerPacket;
    if (packet.type === 'login:A') isIn = true;
    else if (packet.type === 'error') fault ??= `an honest client was told ${text}`;
    else onPacket(packet, text);
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'login:R', token }));
  await until(() => isIn, { what: 'the login of an honest client' });
  return { socket, fault: () => fault };
}

/** Two users who do nothing wrong, and to whom nothing must happen: each message comes as it was sent, and in time. */
export class HonestPair {
  delivered = 0;
  longestMs = 0;
  readonly #url: string;
  readonly #tokens: readonly [string, string];
  readonly #to: string;

  constructor(url: string, to: string, tokens: readonly [sender: string, receiver: string]) {
    this.#url = url;
    this.#to = to;
    this.#tokens = tokens;
  }

  /** Sends message after message until the signal. @throws Error with what went wrong */
  async run(dice: Dice, signal: AbortSignal): Promise<void> {
    const bodies = new Map<string, string>();
    const told = new Map<string, string>();
    const receiver = await login(this.#url, this.#tokens[1], (packet, text) => {
      if (packet.type !== 'msg:N') return;
      bodies.set(packet.id, text.slice(text.indexOf('"body":') + 7, text.lastIndexOf(',"at":')));
      receiver.socket.send(JSON.stringify({ type: 'ack:R', id: packet.id, from: packet.from }));
    });
    const sender = await login(this.#url, this.#tokens[0], (packet) => {
      if (packet.type === 'ack:N') told.set(packet.id, packet.state);
    });
    const fault = () => sender.fault() ?? receiver.fault();
    try {
      for (let n = 0; !signal.aborted; n++) {
        const [id, body] = [`h${n}`, dice.pick(BODIES)];
        const began = performance.now();
        sender.socket.send(`{"type":"msg:R","id":"${id}","to":"${this.#to}","body":${body}}`);
        await until(() => fault() ?? told.get(id), {
          what: `message ${id} to ${this.#to}`,
          timeoutMs: DELIVERED_WITHIN_MS,
          intervalMs: 20,
        });
        const state = told.get(id);
        if (fault() !== undefined) throw new Error(fault());
        if (state !== 'delivered')
          throw new Error(`a message to an honest client who is there was ${String(state)}`);
        if (bodies.get(id) !== body) throw new Error(`${body} came as ${String(bodies.get(id))}`);
        this.delivered++;
        this.longestMs = Math.max(this.longestMs, performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, dice.whole(0, 50)));
      }
    } finally {
      sender.socket.terminate();
      receiver.socket.terminate();
    }
  }
}
