import type { Writable } from 'node:stream';
import type { Client, OutgoingMessage, OutgoingState } from '../../../libs/client/index.ts';
import { CliError, EXIT, type ExitCode } from '../exit.ts';
import { writeLine } from '../surroundings.ts';

/** What a sender can wait for. */
export const WAITS = ['accepted', 'stored', 'delivered', 'read'] as const;
export type Wait = (typeof WAITS)[number];

/** Most messages that are waited for; then no further one is read. */
const MOST_UNDER_WAY = 500;

interface DeliveryOptions {
  client: Pick<Client, 'status'>;
  wait: Wait;
  timeoutMs: number;
  output: Writable;
  json: boolean;
}

/** Waits for messages, prints what became of each, and keeps the exit code. */
export class Deliveries {
  readonly #options: DeliveryOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #counts = new Map<ExitCode, number>();
  #failure: unknown;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  get interrupted(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Waits for nothing more. */
  interrupt(): void {
    this.#stop.abort();
  }

  /** Begins to wait for a message. Resolves when the next one may follow. */
  async add(message: OutgoingMessage): Promise<void> {
    const waiting = this.#follow(message)
      .catch((error: unknown) => (this.#failure ??= error))
      .then(() => void this.#underWay.delete(waiting));
    this.#underWay.add(waiting);
    if (this.#underWay.size >= MOST_UNDER_WAY) await Promise.race(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /** Resolves when nothing is waited for. @throws what went wrong with the output */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /** @throws CliError unless all messages came to the wanted state */
  check(): void {
    const code = [...this.#counts.keys()]
      .filter((one) => one !== EXIT.done)
      .sort()
      .at(-1);
    if (code !== undefined)
      throw new CliError(code, `${this.#counts.get(code) ?? 0} ${sentence(code, this.#options.wait)}`);
    const { status } = this.#options.client;
    if (this.interrupted)
      throw new CliError(EXIT.failed, `Interrupted (${status.state}): run it again to send the rest.`);
  }

  async #follow(message: OutgoingMessage): Promise<void> {
    const { wait, timeoutMs } = this.#options;
    const reached = wait === 'accepted' ? message.accepted() : message.reached(wait);
    const given = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeoutMs)]);
    await Promise.race([reached, aborted(given)]).catch(() => undefined); // the state says it
    await this.#print(message);
    const code = exitCodeOf(message.state, wait);
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }

  async #print({ id, at, receivers }: OutgoingMessage): Promise<void> {
    const { json, output } = this.#options;
    for (const { to, state, reason, receiptAt } of receivers)
      await writeLine(
        output,
        json
          ? JSON.stringify({ id, to, state, at: receiptAt ?? at, reason })
          : [id, to, state, ...(reason === undefined ? [] : [reason])].join(' '),
      );
  }
}

const aborted = (signal: AbortSignal): Promise<unknown> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));

const RANK: Readonly<Record<OutgoingState | 'accepted', number>> = {
  ...{ failed: 0, sending: 0, sent: 1, accepted: 1, stored: 2, delivered: 3, read: 4, rejected: -1 },
};

/** The exit code for a message that was waited for until it was in this state. */
export function exitCodeOf(state: OutgoingState, wait: Wait): ExitCode {
  if (state === 'failed' || state === 'rejected') return EXIT.rejected;
  if (RANK[state] >= RANK[wait]) return EXIT.done;
  return state === 'sending' ? EXIT.unsent : EXIT.waiting;
}

function sentence(code: ExitCode, wait: Wait): string {
  if (code === EXIT.rejected) return 'rejected or refused: see the reason after the state.';
  if (code === EXIT.waiting)
    return `accepted, but not ${wait} in time: the server goes on; wait longer with --timeout.`;
  return 'not accepted in time: send again with the same --id, or use --storage, so that the next run goes on.';
}
