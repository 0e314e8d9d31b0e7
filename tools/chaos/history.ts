import { openSync, readFileSync, writeSync } from 'node:fs';
import type { Packet } from '../testkit/tapped-socket.ts';

/**
 * What happened at a client, in order. `who` is `user/device`, `t` milliseconds since the epoch. A user with several tabs has
 * one device, and an application in each tab, which has a name of its own where it sends and is told: `user/device.tab`.
 */
export type ClientEvent = { t: number; who: string } & (
  | { is: 'in' | 'out'; connection: number; packet: Packet }
  /** The connection closed. */
  | { is: 'closed'; connection: number; code: number }
  /** The application sent a message. */
  | { is: 'sent'; id: string; to: readonly string[]; ttl?: number; read?: boolean }
  /** The application got a message. `own`: another device of its user sent it. */
  | { is: 'handed'; from: string; id: string; to: string; intact: boolean; again: boolean; own?: true }
  /** The application was told that its device missed messages. */
  | { is: 'missed'; count: number }
  /**
   * The application got the state of a message to one receiver. `late`: this run of the client did not send it. `opened`
   * numbers the runs.
   */
  | { is: 'told'; id: string; to: string; state: string; reason?: string; late?: boolean; opened: number }
  /** The first session since the client was opened: the contents of its outbox before it sends anything more. */
  | { is: 'restored'; ids: string[] }
  /** No client will ever come back under this name. */
  | { is: 'left' }
);

/** What the nemesis did. */
export interface FaultEvent {
  /** Milliseconds since the epoch; `healed` is set once it is over. */
  began: number;
  healed?: number;
  fault: string;
  target: string;
  /** In words. */
  what: string;
}

/** Appends the events of a client process, a JSON line each, at once: a process that is killed loses none. */
export function historyWriter(path: string): (event: ClientEvent) => void {
  const file = openSync(path, 'a');
  return (event) => void writeSync(file, `${JSON.stringify(event)}\n`);
}

/** All events of a file, without a last line that is not complete. */
export function readHistory(path: string): ClientEvent[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as ClientEvent);
}
