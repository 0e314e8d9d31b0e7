import type { Ledger } from './ledger.ts';
import { readPacket } from './packets.ts';
import type { LoadSocket } from './socket.ts';

/** A connection on which every packet comes back as it is, which counts as all that can become of it. */
export class Echo {
  onConfirmed: () => void = () => undefined;
  readonly #socket: LoadSocket;
  readonly #ledger: Ledger;
  readonly #before: string;
  readonly #after: string;

  constructor(socket: LoadSocket, { tag, body, ledger }: { tag: string; body: string; ledger: Ledger }) {
    this.#socket = socket;
    this.#ledger = ledger;
    this.#before = `{"type":"msg:A","id":"${tag}-`;
    this.#after = `","to":"${tag}","body":${JSON.stringify(body)}}`;
    socket.onEnd = (why) => ledger.fault(`a connection ended: ${why}`);
    socket.onText = (chunk, begin, end) => {
      const number = Number(readPacket(chunk, begin, end).id?.slice(tag.length + 1));
      const now = performance.now();
      ledger.accepted(number, now);
      ledger.received(number);
      if (ledger.confirmed(number, now)) this.onConfirmed();
    };
  }

  send(due: number): void {
    this.#socket.send(this.#before + String(this.#ledger.open(due)) + this.#after);
  }
}
