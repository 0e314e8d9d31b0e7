import type { Change, Durability, MessageName, Storage, Stored } from '../storage.ts';
import { Alarm, type Clock } from '../timing/clock.ts';
import { ClientError } from '../errors.ts';

/** How long a storage may take to answer, milliseconds. Then somebody is told, and what was only read is given up. */
const SLOW_MS = 10_000;

interface Watch {
  /** How the error names what was asked. */
  readonly what: string;
  /** Nothing changes by it: no answer is as good as a failure. */
  readonly reading?: boolean;
}

/**
 * The storage that the application gave, taken for what it is: code that may throw, answer nonsense, answer late or not
 * at all. Whatever it does becomes a promise that resolves with what the contract says, or rejects. Only a write or
 * load() may stay without an end, because nobody knows what becomes of it; that is reported.
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

  async load(): Promise<Stored> {
    const stored: unknown = await this.#watch({ what: 'load' }, () => this.#storage.load());
    if (!isStored(stored)) throw new TypeError('load() answered something that was never stored');
    return stored;
  }

  write(changes: readonly Change[], durability: Durability): Promise<void> {
    return this.#watch({ what: 'write' }, () => this.#storage.write(changes, durability));
  }

  async seen(names: readonly MessageName[]): Promise<boolean[]> {
    const seen: unknown = await this.#watch({ what: 'seen', reading: true }, () => this.#storage.seen(names));
    const isAnswer = Array.isArray(seen) && seen.length === names.length;
    if (!isAnswer || !seen.every((one) => typeof one === 'boolean')) {
      throw new TypeError(`seen() did not answer ${names.length} times true or false`);
    }
    return seen;
  }

  trimSeen(keep: Parameters<Storage['trimSeen']>[0]): Promise<void> {
    return this.#watch({ what: 'trimSeen' }, () => this.#storage.trimSeen(keep));
  }

  close(): Promise<void> {
    for (const alarm of this.#alarms) alarm.clear();
    this.#alarms.clear();
    return new Promise((resolve) => resolve(this.#storage.close()));
  }

  #watch<T>({ what, reading = false }: Watch, call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const alarm = new Alarm(this.#clock, () => {
        const error = new ClientError('storage', `the storage has not answered ${what}() for ${SLOW_MS} ms`);
        if (reading) reject(error);
        else this.#report(error);
      });
      this.#alarms.add(alarm);
      alarm.in(SLOW_MS);
      const answered = new Promise<T>((answer) => answer(call())); // what it throws rejects, too
      const end = () => {
        alarm.clear();
        this.#alarms.delete(alarm);
      };
      answered.then(end, end);
      answered.then(resolve, reject);
    });
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function isStored(value: unknown): value is Stored {
  if (!isRecord(value)) return false;
  const { owner, outbox, inbox } = value;
  return (
    (owner === undefined || typeof owner === 'string') &&
    areEntries(outbox, ['id', 'to', 'bodyText']) &&
    areEntries(inbox, ['id', 'from'])
  );
}

/** Records in the order of their numbers, with these fields. */
function areEntries(value: unknown, texts: readonly string[]): boolean {
  if (!Array.isArray(value)) return false;
  let last = -1;
  for (const entry of value as readonly unknown[]) {
    if (!isRecord(entry) || !Number.isSafeInteger(entry['n']) || Number(entry['n']) <= last) return false;
    if (!texts.every((name) => typeof entry[name] === 'string')) return false;
    last = Number(entry['n']);
  }
  return true;
}
