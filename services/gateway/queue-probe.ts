import { BrokerError } from '#libs/broker/errors.ts';

/** A probe that the broker has confirmed comes through the queue within this time, milliseconds. */
const ECHO_MS = 2_000;

/** Tests whether the queue of an incarnation is bound and delivers: publishes a probe to it, and waits for the probe. */
export class QueueProbe {
  readonly #publish: (gateway: string) => Promise<void>;
  #heard: (() => void) | undefined;

  /** @param publish publishes a probe as routing does; resolves when the broker has it */
  constructor(publish: (gateway: string) => Promise<void>) {
    this.#publish = publish;
  }

  /** A delivery came through the exchange of the gateways. */
  heard(): void {
    this.#heard?.();
  }

  async probe(gateway: string): Promise<'works' | 'broken' | 'unknown'> {
    let late: NodeJS.Timeout | undefined;
    const heard = new Promise<void>((resolve) => (this.#heard = resolve));
    try {
      await this.#publish(gateway);
      const silence = new Promise<true>((resolve) => (late = setTimeout(() => resolve(true), ECHO_MS)));
      return (await Promise.race([heard, silence])) ? 'broken' : 'works';
    } catch (error) {
      // The queue does not answer, or nothing leads to it; any other failure says nothing about it.
      const broken = error instanceof BrokerError && ['timeout', 'unroutable'].includes(error.code);
      return broken ? 'broken' : 'unknown';
    } finally {
      clearTimeout(late);
      this.#heard = undefined;
    }
  }
}
