import type { ClientEvent } from '../history.ts';

/** Between two reports of a counter, milliseconds. */
export const REPORT_MS = 250;

export interface Counts {
  sent: number;
  /** Messages, however often each was sent. */
  accepted: number;
  handed: number;
}

/** The state of one run of a client process, for those that watch it. The truth is in the history. */
export class Counter implements Counts {
  sent = 0;
  accepted = 0;
  handed = 0;
  /** Messages of the users who stay, whose fate they do not know. */
  waiting = 0;
  /** Users who stay and are not connected. */
  offline = 0;
  /** Each of the users who stay was connected at some moment. */
  arrived = false;
  /** No client sends any more. */
  settled = false;
  readonly #accepted = new Set<string>();

  count(event: ClientEvent): void {
    if (event.is === 'sent') this.sent++;
    if (event.is === 'handed') this.handed++;
    if (event.is !== 'in' || event.packet.type !== 'msg:A') return;
    this.#accepted.add(`${event.who} ${String(event.packet['id'])}`);
    this.accepted = this.#accepted.size;
  }
}
