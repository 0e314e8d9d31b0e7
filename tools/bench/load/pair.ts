import type { Ledger } from './ledger.ts';
import { type Packet, readPacket } from './packets.ts';
import type { LoadSocket } from './socket.ts';

/** Who writes to whom, and what. */
export interface PairOptions {
  from: string;
  to: string;
  /** Before the number of a message in its id: no two processes or runs may share it. */
  tag: string;
  body: string;
  ledger: Ledger;
  /** The receiver confirms nothing. */
  slow?: boolean;
}

/** A user who writes to another one, each at a gateway; the protocol of both. */
export class Pair {
  /** Called when a message is confirmed, after it was counted. */
  onConfirmed: () => void = () => undefined;
  readonly #options: PairOptions;
  readonly #sender: LoadSocket;
  readonly #receiver: LoadSocket;
  readonly #before: string;
  readonly #after: string;
  #highest = 0;

  constructor(sender: LoadSocket, receiver: LoadSocket, options: PairOptions) {
    const { tag, to, body } = options;
    this.#options = options;
    this.#before = `{"type":"msg:R","id":"${tag}-`;
    this.#after = `","to":"${to}","body":${JSON.stringify(body)}}`;
    this.#sender = sender;
    this.#receiver = receiver;
    sender.onText = (chunk, begin, end) => this.#toSender(readPacket(chunk, begin, end), chunk, begin, end);
    receiver.onText = (chunk, begin, end) =>
      this.#toReceiver(readPacket(chunk, begin, end), chunk, begin, end);
    for (const socket of [sender, receiver]) {
      socket.onEnd = (why) => options.ledger.fault(`a connection ended: ${why}`);
      // PROTOCOL: what a client must do, 5; the users are new, so that the mailbox must be empty.
      socket.send('{"type":"offline:R"}');
    }
  }

  get slow(): boolean {
    return this.#options.slow ?? false;
  }

  /** @param due when it should go out, milliseconds of performance.now() */
  send(due: number): void {
    const number = this.#options.ledger.open(due);
    this.#sender.send(this.#before + String(number) + this.#after);
  }

  close(): void {
    this.#sender.close();
    this.#receiver.close();
  }

  #toSender({ type, id, state }: Packet, chunk: string, begin: number, end: number): void {
    const { ledger } = this.#options;
    if (type === 'msg:A') ledger.accepted(this.#number(id), performance.now());
    else if (type === 'ack:N' && state === 'delivered') {
      if (ledger.confirmed(this.#number(id), performance.now())) this.onConfirmed();
    } else this.#other(type, chunk.slice(begin, end));
  }

  #toReceiver({ type, id, from }: Packet, chunk: string, begin: number, end: number): void {
    if (type === 'msg:N') {
      const number = this.#number(id);
      this.#options.ledger.received(number);
      if (number < this.#highest) this.#options.ledger.fault(`message ${number} came after ${this.#highest}`);
      this.#highest = number;
      if (!this.slow) this.#receiver.send(`{"type":"ack:R","id":"${id}","from":"${from}"}`);
    } else if (type !== 'ack:A') this.#other(type, chunk.slice(begin, end));
  }

  #other(type: string, text: string): void {
    const isEmpty = text === '{"type":"offline:N","messages":[],"receipts":[],"more":false}';
    if (type !== 'offline:N' || !isEmpty) this.#options.ledger.fault(`unexpected: ${text.slice(0, 300)}`);
  }

  #number(id = ''): number {
    const { tag } = this.#options;
    return id.startsWith(tag) ? Number(id.slice(tag.length + 1)) : 0;
  }
}
