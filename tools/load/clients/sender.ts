import type { Ledger } from './ledger.ts';
import { readPacket } from './packets.ts';
import type { BackEnd } from './back-end.ts';
import type { LoadSocket } from './socket.ts';

export interface SenderOptions {
  to: string;
  /** Before the number of a message in its id: no two processes or runs may share it. */
  tag: string;
  body: string;
  ledger: Ledger;
  /** The final state of its messages; `echo`: every packet comes back unchanged, and is complete then. */
  expects: 'delivered' | 'stored' | 'echo';
  /** Its messages go over HTTP, in the name of this user; what becomes of them still comes through the socket. */
  over?: { backEnd: BackEnd; from: string } | undefined;
}

/** A user who writes to another one, and counts what happens to each message. */
export class Sender {
  /** Called when a message is confirmed, after it was counted. */
  onConfirmed: () => void = () => undefined;
  readonly #options: SenderOptions;
  readonly #socket: LoadSocket;
  readonly #before: string;
  readonly #after: string;
  readonly #backEnd: BackEnd | undefined;

  constructor(socket: LoadSocket, options: SenderOptions) {
    const { tag, to, body, ledger, expects, over } = options;
    this.#options = options;
    const kind = over ? `"from":"${over.from}"` : `"type":"${expects === 'echo' ? 'msg:A' : 'msg:R'}"`;
    this.#before = `{${kind},"id":"${tag}-`;
    this.#backEnd = over?.backEnd;
    this.#after = `","to":"${to}","body":${JSON.stringify(body)}}`;
    this.#socket = socket;
    socket.onText = (chunk, begin, end) => this.#take(chunk, begin, end);
    socket.onEnd = (why) => ledger.fault(`a connection ended: ${why}`);
  }

  /** @param due when it should go out, milliseconds of performance.now() */
  send(due: number): void {
    const { ledger } = this.#options;
    const number = ledger.open(due);
    const text = this.#before + String(number) + this.#after;
    if (this.#backEnd) this.#backEnd.send(text, () => ledger.accepted(number, performance.now()));
    else this.#socket.send(text);
  }

  #take(chunk: string, begin: number, end: number): void {
    const { ledger, tag, expects } = this.#options;
    const { type, id, state } = readPacket(chunk, begin, end);
    const [number, now] = [numberOf(id, tag), performance.now()];
    if (type === 'msg:A') {
      ledger.accepted(number, now);
      if (expects === 'echo') ledger.received(number);
      else return;
    } else if (type !== 'ack:N' || state !== expects) {
      unexpected(ledger, chunk.slice(begin, end));
      return;
    }
    if (ledger.confirmed(number, now)) this.onConfirmed();
  }
}

export interface ReceiverOptions {
  /** In the ids of the messages to it. */
  tag: string;
  ledger: Ledger;
  /** It confirms nothing. */
  slow: boolean;
  /** Its messages are sent one after the other: they come in that order. */
  ordered: boolean;
}

/** Makes a user of a connection who confirms messages and checks their order. */
export function receive(socket: LoadSocket, { ledger, tag, slow, ordered }: ReceiverOptions): void {
  let highest = 0;
  socket.onEnd = (why) => ledger.fault(`a connection ended: ${why}`);
  socket.onText = (chunk, begin, end) => {
    const { type, id, from } = readPacket(chunk, begin, end);
    if (type === 'msg:N') {
      const number = numberOf(id, tag);
      if (ledger.received(number)) {
        // All messages of the tag come from one sender in the order of their numbers (PROTOCOL: G4).
        if (ordered && number < highest) ledger.fault(`message ${number} came after ${highest}`);
        highest = number;
      }
      if (!slow) socket.send(`{"type":"ack:R","id":"${id}","from":"${from}"}`);
    } else if (type !== 'ack:A') unexpected(ledger, chunk.slice(begin, end));
  };
}

/** The number of a message with this tag; NaN for another one. */
export const numberOf = (id = '', tag: string): number =>
  id.startsWith(tag) ? Number(id.slice(tag.length + 1)) : NaN;

/** Mailboxes of new users are empty: only that is expected (PROTOCOL: offline:N). */
function unexpected(ledger: Ledger, text: string): void {
  if (!/^\{"type":"offline:N","messages":\[\],"receipts":\[\],"more":(true|false)\}$/.test(text))
    ledger.fault(`unexpected: ${text.slice(0, 300)}`);
}
