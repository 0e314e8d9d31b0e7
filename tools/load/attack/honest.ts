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
export class HonestUsers {
  readonly #stop = new AbortController();
  readonly #sockets: LoadSocket[] = [];
  readonly #latency = new Samples();
  #failed = 0;
  #running: Promise<unknown> = Promise.resolve();

  async start(target: Target, pairs: number, tag: string): Promise<void> {
    const names = Array.from({ length: pairs }, (_, n) => `${tag}-${n}`);
    const talks = await Promise.all(names.map((name) => this.#pair(target, name)));
    this.#running = Promise.all(talks.map((talk) => talk()));
  }

  /** What they have seen since the last call. */
  take(): Service {
    const service = {
      latency: new LatencyHistogram().add(this.#latency.take()).summary(),
      failed: this.#failed,
    };
    this.#failed = 0;
    return service;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const socket of this.#sockets) socket.close();
  }

  async #pair(target: Target, name: string): Promise<() => Promise<void>> {
    const reader = await logInAs(target, `honest-reader-${name}`);
    const writer = await logInAs(target, `honest-writer-${name}`);
    this.#sockets.push(reader, writer);
    onPacket(reader, (packet) => {
      if (packet.type === 'msg:N')
        reader.send(JSON.stringify({ type: 'ack:R', id: packet.id, from: packet.from }));
    });
    const { signal } = this.#stop;
    return async () => {
      for (let count = 0; !signal.aborted; count++) {
        const began = performance.now();
        if ((await outcomeOf(writer, `honest-reader-${name}`, String(count))) === 'delivered')
          this.#latency.add(performance.now() - began);
        else this.#failed++;
        await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    };
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
