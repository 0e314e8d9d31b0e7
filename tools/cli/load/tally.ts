import type { OutgoingMessage } from '../../../libs/client/index.ts';
import { LatencyHistogram } from '../../load/latency.ts';
import { number } from '../../load/report/format.ts';

/** Counts what becomes of messages, and how long after they were due. */
export class Tally {
  readonly #accepted = new LatencyHistogram();
  readonly #delivered = new LatencyHistogram();
  readonly #now: () => number;
  #sent = 0;
  #leftOut = 0;
  #settled = 0;

  /** @param now milliseconds, as `due` of follow() */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get underWay(): number {
    return this.#sent - this.#settled;
  }

  /** A message that was due, and was not sent since too many are under way. */
  leaveOut(): void {
    this.#leftOut += 1;
  }

  follow(message: Pick<OutgoingMessage, 'accepted' | 'reached'>, due: number): void {
    this.#sent += 1;
    const record = (histogram: LatencyHistogram) => () =>
      void histogram.add(Uint32Array.of(Math.max(1, (this.#now() - due) * 1_000)));
    const failed = () => undefined; // the counts show it
    void message.accepted().then(record(this.#accepted), failed);
    void message
      .reached('delivered')
      .then(record(this.#delivered), failed)
      .finally(() => (this.#settled += 1));
  }

  /** One line for now. */
  text(): string {
    const { count, p50, p99 } = this.#delivered.summary();
    return `${count} of ${this.#sent} delivered, p50 ${number(p50)} ms, p99 ${number(p99)} ms`;
  }

  /** @param seconds for which messages were sent */
  result(seconds: number) {
    const [accepted, delivered] = [this.#accepted.summary(), this.#delivered.summary()];
    const counts = {
      sent: this.#sent,
      leftOut: this.#leftOut,
      accepted: accepted.count,
      delivered: delivered.count,
    };
    return { ...counts, perS: delivered.count / seconds, latencyMs: { accepted, delivered } };
  }

  /** The table of the end. */
  rows(seconds: number): string[][] {
    const { sent, leftOut, perS, latencyMs } = this.result(seconds);
    const row = (name: string, { count, p50, p90, p99, max }: ReturnType<LatencyHistogram['summary']>) => [
      name,
      ...[count, p50, p90, p99, max].map(number),
    ];
    return [
      ['ms since due', 'messages', 'p50', 'p90', 'p99', 'max'],
      row('accepted', latencyMs.accepted),
      row('delivered', latencyMs.delivered),
      ['sent', number(sent)],
      ['left out', number(leftOut)],
      ['delivered/s', number(perS)],
    ];
  }
}
