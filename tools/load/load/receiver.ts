import type { Ledger } from './ledger.ts';
import { readPacket } from './packets.ts';
import { numberOf, unexpected } from './sender.ts';
import type { LoadSocket } from './socket.ts';

export interface ReceiverOptions {
  /** Of the ids of the messages that it gets. */
  tag: string;
  ledger: Ledger;
  /** It confirms nothing. */
  slow: boolean;
}

/** A user who confirms what comes, and looks at its order. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #socket: LoadSocket;
  #highest = 0;

  constructor(socket: LoadSocket, options: ReceiverOptions) {
    this.#options = options;
    this.#socket = socket;
    socket.onText = (chunk, begin, end) => this.#take(chunk, begin, end);
    socket.onEnd = (why) => options.ledger.fault(`a connection ended: ${why}`);
  }

  #take(chunk: string, begin: number, end: number): void {
    const { ledger, tag, slow } = this.#options;
    const { type, id, from } = readPacket(chunk, begin, end);
    if (type === 'msg:N') {
      const number = numberOf(id, tag);
      if (ledger.received(number)) {
        // All messages of the tag come from one sender to this receiver in the order of their numbers (PROTOCOL: G4).
        if (number < this.#highest) ledger.fault(`message ${number} came after ${this.#highest}`);
        this.#highest = number;
      }
      if (!slow) this.#socket.send(`{"type":"ack:R","id":"${id}","from":"${from}"}`);
    } else if (type !== 'ack:A') unexpected(ledger, chunk.slice(begin, end));
  }
}
