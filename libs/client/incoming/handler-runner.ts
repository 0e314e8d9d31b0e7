import type { Context } from '../context.ts';
import { Skip } from '../errors.ts';
import { Deadlines } from '../timing/deadlines.ts';
import { Failures } from './failures.ts';
import { SerialByKey, type TaskResult } from './serial-by-key.ts';

/** A message or receipt for the handler. */
export interface Item {
  /** The handler runs for the items of one key one after the other. */
  readonly key: string;
  /** Names the item among those that failed. */
  readonly name: string;
}

export interface HandlerRunnerPorts<T> {
  /** For people. */
  readonly describe: (item: T) => string;
  /** Calls the application's handler. */
  readonly run: (item: T) => unknown;
  /** @param handled the handler has returned, or has given the item up */
  readonly done: (item: T, handled: boolean) => void;
  /** The handler is slow. `behind` are the items of the same key that waited; they wait no longer. */
  readonly slow: (item: T, behind: T[]) => void;
  /** A slow handler has ended. */
  readonly unblocked: () => void;
}

/**
 * Calls a handler of the application, which may throw, answer late, or never answer. A slow handler delays the items of
 * the same key only, and nothing waits in memory behind it.
 */
export class HandlerRunner<T extends Item> {
  readonly #context: Context;
  readonly #ports: HandlerRunnerPorts<T>;
  readonly #tasks: SerialByKey<T>;
  readonly #deadlines: Deadlines<T>;
  readonly #slow = new Set<string>();
  readonly failures: Failures;

  constructor(context: Context, ports: HandlerRunnerPorts<T>) {
    const { clock, tuning } = context;
    this.#context = context;
    this.#ports = ports;
    this.failures = new Failures(context);
    this.#deadlines = new Deadlines(clock, (item) => this.#late(item));
    this.#tasks = new SerialByKey(
      ports.run,
      (item, result) => this.#done(item, result),
      (item) => this.#deadlines.set(item, clock.now() + tuning.slowHandlerMs),
    );
  }

  add(item: T): void {
    this.#tasks.add(item.key, item);
  }

  /** Whether the handler is slow on an item of this key. */
  isSlow(key: string): boolean {
    return this.#slow.has(key);
  }

  /** Starts no further handler; none is started before the first {@link resume}. */
  pause(): void {
    this.#tasks.pause();
  }

  resume(): void {
    this.#tasks.resume();
  }

  /** Starts no more handlers. @returns the items that waited; handlers that run may still end */
  drop(): T[] {
    this.#deadlines.clear();
    return this.#tasks.drop();
  }

  #late(item: T): void {
    const { describe, slow } = this.#ports;
    const { fail, tuning } = this.#context;
    this.#slow.add(item.key);
    fail('slow_handler', `the handler takes over ${tuning.slowHandlerMs} ms for ${describe(item)}`);
    slow(item, this.#tasks.take(item.key));
  }

  #done(item: T, result: TaskResult): void {
    const { done, unblocked } = this.#ports;
    this.#deadlines.delete(item);
    const wasSlow = this.#slow.delete(item.key);
    const handled = result.ok || this.#isSkipped(item, result.error);
    if (handled) this.failures.forget(item.name);
    else this.failures.failed(item.name);
    done(item, handled);
    if (wasSlow) unblocked();
  }

  #isSkipped(item: T, cause: unknown): boolean {
    const skipped = cause instanceof Skip;
    const [code, verb] = skipped ? (['skipped', 'gave up'] as const) : (['handler', 'failed on'] as const);
    this.#context.fail(code, `the handler ${verb} ${this.#ports.describe(item)}`, cause);
    return skipped;
  }
}
