import { userOf } from './message.ts';

/** A synced device, and what its client saw of its mailbox. */
export interface SyncedDevice {
  /** `user/device` */
  readonly who: string;
  /** When it was told that it is one; what is sent later has a copy for it. Milliseconds since the epoch. */
  since: number;
  /** The counts that it was told it missed, by key; and the keys that it confirmed. */
  readonly missed: Map<string, number>;
  readonly confirmed: Set<string>;
  /** How many its application was told that it missed. */
  toldMissed: number;
}

/** Clocks of two client processes differ by less, milliseconds. */
export const SKEW_MS = 100;

/** The synced devices of all users, and whose mailbox each client read. */
export class SyncedDevices {
  readonly #devices = new Map<string, SyncedDevice>();
  /** Devices that were given a key, by user and key. */
  readonly #holders = new Map<string, Set<string>>();
  /** What clients saw that must not be, in words. */
  readonly faults: string[] = [];

  get all(): SyncedDevice[] {
    return [...this.#devices.values()];
  }

  /** Those of a user that have been synced ones since before that time. */
  of(user: string, before = Infinity): SyncedDevice[] {
    return this.all.filter(({ who, since }) => userOf(who) === user && since + SKEW_MS < before);
  }

  has(who: string): boolean {
    return this.#devices.has(who);
  }

  loggedIn(who: string, t: number, sync: boolean): void {
    const known = this.#devices.get(who);
    if (known && !sync) this.faults.push(`login:A does not say that ${who} is a synced device`);
    if (known) known.since = Math.min(known.since, t);
    else if (sync)
      this.#devices.set(who, { who, since: t, missed: new Map(), confirmed: new Set(), toldMissed: 0 });
  }

  /** A device was given these mailbox entries. */
  given(who: string, keys: readonly string[]): void {
    for (const key of keys) {
      // Every device may read what lies in the mailbox of its user.
      if (key.startsWith('m') || key.startsWith('r')) continue;
      const name = `${userOf(who)} ${key}`;
      const holders = this.#holders.get(name) ?? new Set();
      this.#holders.set(name, holders.add(who));
    }
  }

  missed(who: string, key: string, count: number): void {
    const device = this.#devices.get(who);
    const before = device?.missed.get(key) ?? count;
    if (before !== count) this.faults.push(`${who} was told that it missed ${before}, and then ${count}`);
    device?.missed.set(key, count);
  }

  confirmed(who: string, keys: readonly string[]): void {
    const device = this.#devices.get(who);
    for (const key of keys) if (device?.missed.has(key)) device.confirmed.add(key);
  }

  toldMissed(who: string, count: number): void {
    const device = this.#devices.get(who);
    if (device) device.toldMissed += count;
  }

  /** Entries that a device was given out of the mailbox of another one, in words. */
  strays(): string[] {
    const shared = [...this.#holders.values()].filter(({ size }) => size > 1);
    return shared.map((holders) => `an entry of one device's mailbox came to ${[...holders].join(' and ')}`);
  }
}
