import { LatencyHistogram, type Latency } from './latency.ts';
import type { EchoOrder, TalkersApi, PairsOrder } from './load/talkers.ts';
import type { Role } from './meter.ts';
import { verify } from './verify.ts';
import { Worker } from './worker.ts';

/** What all users together did in some time. */
export interface Progress {
  seconds: number;
  sent: number;
  confirmed: number;
  perSecond: number;
  /** Packets that came once more, and that clients drop. */
  again: number;
  /** Sent, and not confirmed at the end. */
  outstanding: number;
  /** From when a message was due to its ack:N. */
  latency: Latency;
  /** From when a message was due to its msg:A. */
  accepted: Latency;
}

/** How long what is under way may take after the last message was sent, milliseconds. */
const PATIENCE_MS = 30_000;

/** The load generators: processes full of users. */
export class Fleet {
  readonly #workers: Worker<TalkersApi>[];

  constructor(count: number, dataDir: string) {
    this.#workers = Array.from(
      { length: count },
      (_, n) => new Worker<TalkersApi>('load/talkers.ts', { name: `load-${n + 1}`, dataDir }),
    );
  }

  get roles(): Role[] {
    return this.#workers.map(({ name, pid }) => ({ name, role: 'load', pid }));
  }

  /** Logs pairs of users in. */
  async connect(pairs: number, order: Omit<PairsOrder, 'numbers'>): Promise<void> {
    await this.#all((worker, n) => worker.call('connect', { ...order, numbers: this.#share(pairs, n) }));
  }

  /** Connects to a server that sends everything back. */
  async connectEcho(connections: number, order: Omit<EchoOrder, 'numbers'>): Promise<void> {
    await this.#all((worker, n) =>
      worker.call('connectEcho', { ...order, numbers: this.#share(connections, n) }),
    );
  }

  async closedLoop(outstanding: number): Promise<void> {
    await this.#all((worker) => worker.call('closedLoop', outstanding));
  }

  async openLoop(ratePerS: number): Promise<void> {
    await this.#all((worker) => worker.call('openLoop', ratePerS / this.#workers.length));
  }

  /** What was done since the last time. */
  async take(): Promise<Progress> {
    const parts = await this.#all((worker) => worker.call('take'));
    const [latency, accepted] = [new LatencyHistogram(), new LatencyHistogram()];
    for (const part of parts) {
      latency.add(part.latency.confirmed);
      accepted.add(part.latency.accepted);
    }
    const sum = (value: (part: (typeof parts)[number]) => number) =>
      parts.reduce((total, part) => total + value(part), 0);
    return {
      seconds: sum(({ ms }) => ms) / parts.length / 1_000,
      sent: sum(({ sent }) => sent),
      confirmed: sum(({ confirmed }) => confirmed),
      perSecond: sum(({ confirmed, ms }) => (confirmed * 1_000) / ms),
      again: sum(({ again }) => again),
      outstanding: sum(({ outstanding }) => outstanding),
      latency: latency.summary(),
      accepted: accepted.summary(),
    };
  }

  /** Sends nothing more, and waits for what is under way. @throws Error when a message is missing, or out of order */
  async stop(): Promise<void> {
    verify((await this.#all((worker) => worker.call('stop', PATIENCE_MS))).flat());
  }

  async end(): Promise<void> {
    await this.#all((worker) => worker.end());
  }

  /** Which of so many numbers are the n-th worker's. */
  #share(count: number, n: number): number[] {
    return Array.from({ length: count }, (_, number) => number).filter(
      (number) => number % this.#workers.length === n,
    );
  }

  #all<T>(work: (worker: Worker<TalkersApi>, n: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#workers.map(work));
  }
}
