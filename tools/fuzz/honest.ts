import type { ServerPacket } from '#libs/protocol/server-packets.ts';
import { until } from '../stack/until.ts';
import { connectRaw } from '../testkit/client.ts';
import type { SeededRandom } from '../testkit/seeded-random.ts';
import { packetFault } from './answers.ts';

/** Longest time until the sender knows that its message is delivered, milliseconds, on a busy machine. */
const DELIVERED_WITHIN_MS = 30_000;

const BODIES = [
  ...['"hello"', '-0', '{"__proto__":{"a":1}}', '"\\u0000\\ud800"', '[1, {"b": [ ]}]', '1e2', '"日本語"'],
  `"${'x'.repeat(2_000)}"`,
];

/** A receiver, with and without the fields that a packet need not have. */
const receiverFields = (to: string) => [
  `"to":"${to}"`,
  `"to":["${to}"]`,
  `"to":"${to}","thread":"room:1","ttl":600,"read":true`,
  `"to":["nobody","${to}"],"thread":"room:1"`,
];

/** On a busy machine the services may answer `unavailable`: then a client sends the message again. */
const AGAIN_AFTER_MS = 500;

/** Two users who do nothing wrong, and whom nothing must disturb: each message comes as it was sent, and in time. */
export class HonestPair {
  delivered = 0;
  longestMs = 0;
  /** Times that one of them was told `unavailable`. */
  refused = 0;
  /** What ended a client, or must never be said to it. */
  #fault: string | undefined;

  /** Sends message after message until the signal. @throws Error with what went wrong */
  async run(url: string, users: HonestUsers, random: SeededRandom, signal: AbortSignal): Promise<void> {
    const bodies = new Map<string, string>();
    const states = new Map<string, string>();
    const receiver = await this.#login(url, users.tokens[1], (packet, text) => {
      if (packet.type !== 'msg:N') return;
      bodies.set(packet.id, text.slice(text.indexOf('"body":') + 7, text.lastIndexOf(',"at":')));
      receiver.send(JSON.stringify({ type: 'ack:R', id: packet.id, from: packet.from }));
    });
    const sender = await this.#login(url, users.tokens[0], (packet) => {
      if (packet.type === 'ack:N' && packet.to === users.to) states.set(packet.id, packet.state);
    });
    try {
      for (let n = 0; !signal.aborted; n++) {
        const [id, body] = [`h${n}`, random.pick(BODIES)];
        const began = performance.now();
        sender.send(`{"type":"msg:R","id":"${id}",${random.pick(receiverFields(users.to))},"body":${body}}`);
        await until(() => signal.aborted || (this.#fault ?? states.get(id)), {
          ...{ what: `message ${id} to ${users.to}`, timeoutMs: DELIVERED_WITHIN_MS, intervalMs: 20 },
        });
        if (this.#fault !== undefined) throw new Error(this.#fault);
        const state = states.get(id);
        if (state === undefined) break; // the run is over
        if (state !== 'delivered') throw new Error(`a message to an honest client who is there was ${state}`);
        if (bodies.get(id) !== body) throw new Error(`${body} came as ${bodies.get(id) ?? 'nothing'}`);
        this.delivered++;
        this.longestMs = Math.max(this.longestMs, performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, random.integer(0, 50)));
      }
    } finally {
      await Promise.all([sender.end(), receiver.end()]);
    }
  }

  async #login(url: string, token: string, onPacket: (packet: ServerPacket, text: string) => void) {
    const client = await connectRaw(url, { token, onPacket: () => undefined });
    let latest = JSON.stringify({ type: 'login:R', token });
    const again = () => client.ws.readyState === client.ws.OPEN && client.send(latest);
    client.ws.on('close', (code) => (this.#fault ??= `an honest client was closed with ${code}`));
    client.ws.on('message', (data: Buffer) => {
      const text = data.toString();
      this.#fault ??= packetFault(text);
      const packet = JSON.parse(text) as ServerPacket;
      if (packet.type !== 'error') {
        onPacket(packet, text);
        return;
      }
      if (packet.code !== 'unavailable') this.#fault ??= `an honest client was told ${text}`;
      this.refused++;
      setTimeout(again, AGAIN_AFTER_MS);
    });
    await client.login();
    const send = (text: string) => client.send((latest = text));
    return { send, end: () => client.terminate() };
  }
}

/** The user whom messages go to, and the tokens of sender and receiver. */
export interface HonestUsers {
  to: string;
  tokens: readonly [sender: string, receiver: string];
}
