/** A session as its client saw it. */
export interface Login {
  t: number;
  connection: number;
  /** When it ended, as far as its client saw; milliseconds since the epoch. */
  end: number;
}

/** When devices were logged in, by `user/device`. */
export class Logins {
  /** How often each device asked to be let in. */
  readonly asked = new Map<string, number>();
  readonly #byDevice = new Map<string, Login[]>();

  ask(who: string): void {
    this.asked.set(who, (this.asked.get(who) ?? 0) + 1);
  }

  begin(who: string, t: number, connection: number): void {
    const logins = this.of(who);
    const before = logins.at(-1);
    if (before?.connection === connection) return; // the answer to a renewed token
    if (before) before.end = Math.min(before.end, t); // its process was killed
    logins.push({ t, connection, end: Infinity });
    this.#byDevice.set(who, logins);
  }

  closed(who: string, t: number, connection: number): void {
    const login = this.of(who).find((one) => one.connection === connection);
    if (login) login.end = Math.min(login.end, t);
  }

  of(who: string): Login[] {
    return this.#byDevice.get(who) ?? [];
  }

  get all(): string[] {
    return [...this.#byDevice.keys()];
  }
}
