import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** A packet as JSON, with its type. */
export type Packet = Readonly<Record<string, unknown>> & { readonly type: string };

/** What happened at a client, in the order in which it did. `who` is `user/device`, `t` milliseconds since the epoch. */
export type ClientEvent = { t: number; who: string } & (
  | { is: 'in' | 'out'; connection: number; packet: Packet }
  /** The connection closed. */
  | { is: 'closed'; connection: number; code: number }
  /** The application sent a message. */
  | { is: 'sent'; id: string; to: string }
  /** The application was given a message. */
  | { is: 'handed'; from: string; id: string; to: string; intact: boolean; again: boolean }
  /** The application was told what became of its message. */
  | { is: 'told'; id: string; to: string; state: string; reason?: string }
  /** The first session since the client was opened: what its outbox holds before anything more is sent. */
  | { is: 'restored'; ids: string[] }
  /** Nobody will ever come back under this name. */
  | { is: 'left' }
);

/** What the nemesis did. */
export interface FaultEvent {
  /** When it began and ended, milliseconds since the epoch; `healed` is set once it is over. */
  struck: number;
  healed?: number;
  fault: string;
  target: string;
  /** In words. */
  what: string;
}

/**
 * Where a client process writes what happens, one JSON line for each event. A line is with the operating system
 * before the next thing happens, so that a process that is killed takes nothing with it.
 */
export class HistoryFile {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'a');
  }

  write(event: ClientEvent): void {
    writeSync(this.#fd, `${JSON.stringify(event)}\n`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** All events of a file; a line that a killed process did not finish is left out. */
export function readHistory(path: string): ClientEvent[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop(); // behind the last line break
  return lines.map((line) => JSON.parse(line) as ClientEvent);
}
