import type { Ledger } from './ledger.ts';
import { readPacket } from './packets.ts';
import type { LoadSocket } from './socket.ts';

/** What a sender writes, and to whom. */
export interface SenderOptions {
  to: string;
  /** Before the number of a message in its id: no two processes or runs may share it. */
  tag: string;
  body: string;
  ledger: Ledger;
  /** What becomes of its messages. */
  expects: 'delivered' | 'stored';
}

/** A user who writes to another one, who is there to learn what became of it. */
export class Sender {
  /** Called when a message is confirmed, after it was counted. */
  onConfirmed: () => void = () => undefined;
  readonly #options: SenderOptions;
  readonly #socket: LoadSocket;
  readonly #before: string;
  readonly #after: string;

  constructor(socket: LoadSocket, options: SenderOptions) {
    const { tag, to, body, ledger } = options;
    this.#options = options;
    this.#before = `{"type":"msg:R","id":"${tag}-`;
    this.#after = `","to":"${to}","body":${JSON.stringify(body)}}`;
    this.#socket = socket;
    socket.onText = (chunk, begin, end) => this.#take(chunk, begin, end);
    socket.onEnd = (why) => ledger.fault(`a connection ended: ${why}`);
  }

  /** @param due when it should go out, milliseconds of performance.now() */
  send(due: number): void {
    this.#socket.send(this.#before + String(this.#options.ledger.open(due)) + this.#after);
  }

  #take(chunk: string, begin: number, end: number): void {
    const { ledger, tag, expects } = this.#options;
    const { type, id, state } = readPacket(chunk, begin, end);
    if (type === 'msg:A') ledger.accepted(numberOf(id, tag), performance.now());
    else if (type === 'ack:N' && state === expects) {
      if (ledger.confirmed(numberOf(id, tag), performance.now())) this.onConfirmed();
    } else unexpected(ledger, chunk.slice(begin, end));
  }
}

/** The number of a message of ours; NaN for another one. */
export const numberOf = (id = '', tag: string): number =>
  id.startsWith(tag) ? Number(id.slice(tag.length + 1)) : NaN;

/** The users are new and their mailboxes empty; so much may be said about these (PROTOCOL: offline:N). */
export function unexpected(ledger: Ledger, text: string): void {
  if (!/^\{"type":"offline:N","messages":\[\],"receipts":\[\],"more":(true|false)\}$/.test(text))
    ledger.fault(`unexpected: ${text.slice(0, 300)}`);
}
