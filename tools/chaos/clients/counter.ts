import type { ClientEvent } from '../history.ts';

/** Counts of one client process since it was started, for whoever watches. The truth is in the history. */
export class Counter {
  sent = 0;
  /** Messages, however often each was sent. */
  accepted = 0;
  handed = 0;
  delivered = 0;
  stored = 0;
  rejected = 0;
  /** Messages of those who stay whose fate they do not know. */
  waiting = 0;
  /** How many of those who stay are not connected. */
  offline = 0;
  /** Those who stay were all connected at some moment. */
  arrived = false;
  /** Nobody sends any more. */
  settled = false;
  readonly #accepted = new Set<string>();

  count(event: ClientEvent): void {
    if (event.is === 'sent') this.sent++;
    if (event.is === 'handed') this.handed++;
    if (event.is === 'in' && event.packet.type === 'msg:A') {
      this.#accepted.add(`${event.who} ${String(event.packet['id'])}`);
      this.accepted = this.#accepted.size;
    }
    if (event.is === 'told' && event.state === 'delivered') this.delivered++;
    if (event.is === 'told' && event.state === 'stored') this.stored++;
    if (event.is === 'told' && event.state === 'rejected') this.rejected++;
  }
}
