import { setTimeout as delay } from 'node:timers/promises';
import type { ServerPacket } from '#libs/protocol/server-packets.ts';
import { logInAs, type Target } from '../clients/log-in.ts';
import { Samples } from '../clients/samples.ts';
import type { LoadSocket } from '../clients/socket.ts';
import { type Latency, LatencyHistogram } from '../latency.ts';

/** What honest users saw in a span of time. */
export interface Service {
  /** From msg:R to the ack:N `delivered`. */
  latency: Latency;
  /** Messages that were refused, stored, or not delivered in time. */
  failed: number;
}

/** Pause of a pair between two messages, milliseconds. */
const PAUSE_MS = 50;
/** A message that takes longer has failed, milliseconds. */
const PATIENCE_MS = 10_000;

/** Pairs of users who are connected all the while; one of each writes, the other answers, message by message. */
export class HonestUsers implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #sockets: LoadSocket[] = [];
  readonly #latency = new Samples();
  #failed = 0;
  #running: Promise<unknown> = Promise.resolve();

  static async logIn(target: Target, pairs: number, tag: string): Promise<HonestUsers> {
    const users = new HonestUsers();
    const names = Array.from({ length: pairs }, (_, n) => `honest-${tag}-${n}`);
    const writers = await Promise.all(names.map((name) => users.#logIn(target, name)));
    users.#running = Promise.all(writers.map((writer, n) => users.#talk(writer, `${names[n]}-reader`)));
    return users;
  }

  /** What they have seen since the last call. */
  take(): Service {
    const failed = this.#failed;
    this.#failed = 0;
    return { latency: new LatencyHistogram().add(this.#latency.take()).summary(), failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const socket of this.#sockets) socket.close();
  }

  /** @returns the writer of a pair */
  async #logIn(target: Target, name: string): Promise<LoadSocket> {
    const reader = await logInAs(target, `${name}-reader`);
    const writer = await logInAs(target, name);
    this.#sockets.push(reader, writer);
    onPacket(reader, (packet) => {
      if (packet.type === 'msg:N')
        reader.send(JSON.stringify({ type: 'ack:R', id: packet.id, from: packet.from }));
    });
    return writer;
  }

  async #talk(writer: LoadSocket, to: string): Promise<void> {
    const { signal } = this.#stop;
    for (let count = 0; !signal.aborted; count++) {
      const began = performance.now();
      const outcome = await outcomeOf(writer, to, String(count));
      if (outcome === 'delivered') this.#latency.add(performance.now() - began);
      else this.#failed++;
      await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Sends a message. @returns its final state, or the code of an error */
function outcomeOf(writer: LoadSocket, to: string, id: string): Promise<string> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve('late'), PATIENCE_MS);
    onPacket(writer, (packet) => {
      const [of, outcome] =
        packet.type === 'ack:N'
          ? [packet.id, packet.state]
          : packet.type === 'error'
            ? [packet.re?.id, packet.code]
            : [];
      if (of !== id || outcome === undefined) return;
      clearTimeout(late);
      resolve(outcome);
    });
    writer.send(JSON.stringify({ type: 'msg:R', id, to, body: { text: 'hello' } }));
  });
}

function onPacket(socket: LoadSocket, take: (packet: ServerPacket) => void): void {
  socket.onText = (chunk, begin, end) => take(JSON.parse(chunk.slice(begin, end)) as ServerPacket);
}
