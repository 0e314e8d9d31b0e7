import type { Change, Durability, MessageName, Storage, Stored } from '../storage.ts';
import { Alarm, type Clock } from '../timing/clock.ts';
import { demand } from '../client-packets.ts';
import { ClientError } from '../errors.ts';
import { type Check, list, object, optional, type Shape, text } from '../shapes.ts';

/** How long a storage may take to answer, milliseconds. Then the client reports it, and a read fails. */
const SLOW_MS = 10_000;

/**
 * The storage of the application, whose code may throw, or answer wrongly, late or never. Every call becomes a promise that
 * resolves as the contract says, or rejects. Only a write or load() may never end, because its result is not known; the
 * client reports that.
 */
export class CheckedStorage implements Storage {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #report: (error: ClientError) => void;
  readonly #alarms = new Set<Alarm>();

  constructor(storage: Storage, clock: Clock, report: (error: ClientError) => void) {
    this.#storage = storage;
    this.#clock = clock;
    this.#report = report;
  }

  async load(lost?: (cause: unknown) => void): Promise<Stored> {
    const stored: unknown = await this.#watch('load', () => this.#storage.load(lost));
    demand(isStored(stored), 'load() gave a wrong answer');
    return stored as Stored;
  }

  write(changes: readonly Change[], durability: Durability): Promise<void> {
    return this.#watch('write', () => this.#storage.write(changes, durability));
  }

  async seen(names: readonly MessageName[]): Promise<boolean[]> {
    const seen = await this.#watch('seen', () => this.#storage.seen(names));
    demand(areBooleans(seen) && seen.length === names.length, 'seen() gave a wrong answer');
    return seen;
  }

  trimSeen(keep: Parameters<Storage['trimSeen']>[0]): Promise<void> {
    return this.#watch('trimSeen', () => this.#storage.trimSeen(keep));
  }

  close(): Promise<void> {
    for (const alarm of this.#alarms) alarm.clear();
    this.#alarms.clear();
    return new Promise((resolve) => resolve(this.#storage.close()));
  }

  #watch<T>(method: keyof Storage, call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const alarm = new Alarm(this.#clock, () => {
        const error = new ClientError('storage', `the storage does not answer ${method}()`);
        // Reading changes nothing: no answer is as good as a failure.
        if (method === 'seen') reject(error);
        else this.#report(error);
      });
      this.#alarms.add(alarm);
      alarm.in(SLOW_MS);
      const end = () => {
        alarm.clear();
        this.#alarms.delete(alarm);
      };
      const answered = new Promise<T>((answer) => answer(call())); // a call that throws rejects, too
      answered.finally(end).then(resolve, reject);
    });
  }
}

const areBooleans = list((value) => typeof value === 'boolean');

/** Entries in the order of their numbers. */
const entries = (shape: Shape): Check => {
  const areEntries = list(object({ n: Number.isSafeInteger, ...shape }));
  return (value) => {
    let last = -1;
    return areEntries(value) && (value as { n: number }[]).every(({ n }) => n > last && ((last = n), true));
  };
};

const isStored = object({
  owner: optional(text),
  outbox: entries({
    ...{ id: text, bodyText: text, receipts: optional(list(object({ to: text, state: text }))) },
    to: (value) => text(value) || list(text)(value),
  }),
  inbox: entries({ id: text, from: text }),
  reads: optional(list(object({ id: text, from: text, read: text }))),
});
