import { setTimeout as delay } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { logIn, type Target } from './client.ts';

/** What honest users saw in a span of time. */
export interface Service {
  /** From msg:R to the ack:N `delivered`, milliseconds, in ascending order. */
  trips: number[];
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
  readonly #sockets: WebSocket[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #service: Service = { trips: [], failed: 0 };

  async start(target: Target, pairs: number): Promise<void> {
    const all = await Promise.all(Array.from({ length: pairs }, (_, n) => this.#pair(target, n)));
    this.#running = Promise.all(all.map((talk) => talk()));
  }

  /** What they have seen since the last call. */
  take(): Service {
    const service = this.#service;
    this.#service = { trips: [], failed: 0 };
    service.trips.sort((a, b) => a - b);
    return service;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const socket of this.#sockets) socket.terminate();
  }

  async #pair(target: Target, n: number): Promise<() => Promise<void>> {
    let delivered: (id: string, state: string) => void = () => undefined;
    const reader = await logIn(target, `honest-reader-${n}`, (packet) => {
      if (packet.type === 'msg:N')
        reader.send(JSON.stringify({ type: 'ack:R', id: packet.id, from: packet.from }));
    });
    const writer = await logIn(target, `honest-writer-${n}`, (packet) => {
      if (packet.type === 'ack:N') delivered(packet.id, packet.state);
      else if (packet.type === 'error' && packet.re?.id !== undefined) delivered(packet.re.id, packet.code);
    });
    this.#sockets.push(reader, writer);
    return async () => {
      for (let count = 0; !this.#stop.signal.aborted; count++) {
        const id = String(count);
        const began = performance.now();
        writer.send(JSON.stringify({ type: 'msg:R', id, to: `honest-reader-${n}`, body: { text: 'hello' } }));
        const state = await new Promise<string>((resolve) => {
          const late = setTimeout(() => resolve('late'), PATIENCE_MS);
          delivered = (of, how) => {
            if (of !== id) return;
            clearTimeout(late);
            resolve(how);
          };
        });
        if (state === 'delivered') this.#service.trips.push(performance.now() - began);
        else this.#service.failed++;
        await delay(PAUSE_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    };
  }
}

/** The value that a share of the values does not exceed; of ascending values. */
export const quantile = (values: readonly number[], share: number): number =>
  values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;
