import type { Counter, Counts } from './clients/counter.ts';
import type { ProcessClock } from './clock/clock.ts';
import type { SmallDisk } from './disk.ts';
import type { ClientEvent } from './history.ts';

/** A process or a browser full of clients, as the nemesis and the checker see it. */
export interface ClientHost {
  readonly name: string;
  /** Where its clock can be wrong. */
  readonly clock?: ProcessClock | undefined;
  /** Where its clients keep their storage, if we may mount a disk. */
  readonly disk?: SmallDisk | undefined;
  /** Ends that no one asked for, in words. */
  readonly crashes: readonly string[];
  /** Starts it again, with the storage of its clients. */
  restart(): Promise<void>;
  /** Kills it: its clients lose what they had not written down. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Clients stop sending, and come back unless they left. */
  settle(): void;
  /** Closes all clients in good order. */
  end(): Promise<void>;
  /** Of the current run. */
  readonly counter: Counter;
  /** A count over all runs. */
  total(count: keyof Counts): number;
  history(): ClientEvent[];
}
