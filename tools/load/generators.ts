import { setTimeout as delay } from 'node:timers/promises';
import type * as Pairs from './jobs/pairs.ts';
import { LatencyHistogram } from './latency.ts';
import { Meter, type Role, sum } from './meter.ts';
import { Worker } from './worker.ts';

/** What all users together did in a span of time, and its cost. */
export type Measured = Awaited<ReturnType<LoadGenerators['take']>>;

export interface Period {
  seconds: number;
  warmup: number;
}

/** Time for confirmations after the last message was sent, milliseconds. */
const PATIENCE_MS = 30_000;

/** Processes full of pairs of users. */
export class LoadGenerators {
  readonly #workers: Worker<typeof Pairs>[];

  constructor(count: number, dataDir: string) {
    this.#workers = Array.from(
      { length: count },
      (_, n) => new Worker('pairs', { name: `load-${n + 1}`, dataDir }),
    );
  }

  get roles(): Role[] {
    return this.#workers.map((worker) => worker.as('load'));
  }

  /** Connects, and logs pairs of users in unless it is an echo server. */
  async connect(count: number, order: Omit<Pairs.PairsOrder, 'numbers'>): Promise<void> {
    const numbers = Array.from({ length: count }, (_, number) => number);
    const share = (n: number) => numbers.filter((number) => number % this.#workers.length === n);
    await this.#all((worker, n) => worker.call('connect', { ...order, numbers: share(n) }));
  }

  async closedLoop(outstanding: number): Promise<void> {
    await this.#all((worker) => worker.call('closedLoop', outstanding));
  }

  async openLoop(ratePerS: number): Promise<void> {
    await this.#all((worker) => worker.call('openLoop', ratePerS / this.#workers.length));
  }

  /** Measures the load that runs, after a warm-up. */
  async measure(servers: readonly Role[], { seconds, warmup }: Period): Promise<Measured> {
    await delay(warmup * 1_000);
    const meter = new Meter([...servers, ...this.roles]);
    await this.take(meter);
    await delay(seconds * 1_000);
    return this.take(meter);
  }

  /** What was done since the last time, and its cost by the meter. */
  async take(meter: Meter) {
    const parts = await this.#all((worker) => worker.call('take'));
    const total = (value: (part: (typeof parts)[number]) => number) => sum(parts.map(value));
    const histogram = (key: 'latency' | 'accepted') =>
      parts.reduce((all, part) => all.add(part[key]), new LatencyHistogram()).summary();
    const confirmed = total((part) => part.confirmed);
    return {
      seconds: total(({ ms }) => ms) / parts.length / 1_000,
      sent: total(({ sent }) => sent),
      confirmed,
      perSecond: total((part) => (part.confirmed * 1_000) / part.ms),
      /** Repeated packets, which clients drop. */
      again: total(({ again }) => again),
      /** Sent, and not confirmed at the end. */
      outstanding: total(({ outstanding }) => outstanding),
      /** From when a message was due to its ack:N. */
      latency: histogram('latency'),
      /** From when a message was due to its msg:A. */
      accepted: histogram('accepted'),
      ...meter.cost(confirmed),
    };
  }

  /** Sends nothing more, and waits for confirmations. @throws Error when a message is missing, or out of order */
  async stop(): Promise<void> {
    verify((await this.#all((worker) => worker.call('stop', PATIENCE_MS))).flat());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#all((worker) => worker[Symbol.asyncDispose]());
  }

  #all<T>(work: (worker: Worker<typeof Pairs>, n: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#workers.map(work));
  }
}

/** @throws Error when something was lost or out of order: then the figures mean nothing */
export function verify(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(`the system broke its promises:\n${faults.join('\n')}`);
}
