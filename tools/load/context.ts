import { isDeepStrictEqual } from 'node:util';
import { Worker } from './worker.ts';
import { Fleet } from './fleet.ts';
import type { Limit } from './limits/limit.ts';
import type { BenchOptions, Size, World } from './options.ts';
import type { Api } from './serve.ts';
import type { Ground } from './world.ts';

/** What a scenario has to work with. */
export class Context {
  readonly options: BenchOptions;
  /** What the machine can do at most, as far as that was measured. */
  readonly limits: Limit[] = [];
  readonly ground: Ground;
  /** Shows what is done at the moment. */
  readonly say: (text: string) => void;
  #world: World | undefined;

  constructor(ground: Ground, options: BenchOptions, say: (text: string) => void) {
    this.ground = ground;
    this.options = options;
    this.say = say;
  }

  /** Services that run: those of the last time, unless there were others, or `fresh` ones are asked for. */
  async services(size: Size, { fresh = false } = {}): Promise<World> {
    if (this.#world && !fresh && isDeepStrictEqual(this.#world.size, size)) return this.#world;
    await this.stopServices();
    this.say('starting services');
    // Their windows are as wide as the load needs them.
    const window = String(Math.max(128, ...this.options.outstanding));
    const env = { SEND_WINDOW: window, RECEIVE_WINDOW: window, ...this.options.env };
    this.#world = await this.ground.services(size, { ...this.options, env });
    return this.#world;
  }

  async stopServices(): Promise<void> {
    await this.#world?.stop();
    this.#world = undefined;
  }

  /** Has pairs of users logged in while `work` goes on. */
  async withFleet<T>(world: World, work: (fleet: Fleet) => Promise<T>, slowEvery = 0): Promise<T> {
    const { generators, pairs, bodyBytes } = this.options;
    const { urls, secret } = world;
    const fleet = new Fleet(generators, this.ground.dataDir);
    try {
      await fleet.connect(pairs, { urls, secret, tag: freshTag(), body: 'x'.repeat(bodyBytes), slowEvery });
      return await work(fleet);
    } finally {
      await fleet.end();
    }
  }

  /** Has a process of users of another kind while `work` goes on. */
  async withWorker<A extends Api, T>(script: string, work: (worker: Worker<A>) => Promise<T>): Promise<T> {
    const worker = new Worker<A>(script, { name: 'load', dataDir: this.ground.dataDir });
    try {
      return await work(worker);
    } finally {
      await worker.end();
    }
  }
}

/** For names that no other run and no other scenario uses. */
export const freshTag = (): string => Math.random().toString(36).slice(2, 8);
