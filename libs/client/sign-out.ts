import { packetText } from './client-packets.ts';
import type { Context } from './context.ts';
import { Alarm } from './timing/clock.ts';

/** Until a logout:R is answered, milliseconds; then it is sent again. */
const ANSWER_MS = 5_000;

/** Sends logout:R, once it is asked to, on each session until the server answers (PROTOCOL: sync). */
export class SignOut {
  readonly #send: () => void;
  readonly #alarm: Alarm;
  #wanted = false;

  constructor({ clock, send }: Context) {
    this.#alarm = new Alarm(clock, () => this.#send());
    this.#send = () => {
      send(packetText({ type: 'logout:R' }));
      this.#alarm.in(ANSWER_MS);
    };
  }

  start(): void {
    this.#wanted = true;
    this.#send();
  }

  /** A session begins. @returns whether it is for signing out only */
  online(): boolean {
    if (this.#wanted) this.#send();
    return this.#wanted;
  }

  offline(): void {
    this.#alarm.clear();
  }
}
