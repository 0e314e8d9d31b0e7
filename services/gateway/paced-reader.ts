import { currentTurn, nextTurn } from '#libs/runtime/turn.ts';

/** One client's packets in one turn of the event loop; the rest waits for the next turn, so that other clients get theirs. */
const READS_PER_TURN = 32;
/** Reading this many bytes takes about as long as reading one more small packet. */
const BYTES_PER_READ = 2_048;

/** Reads a client's packets in order, and pauses the socket while one of them takes time (a login) or the turn is used up. */
export class PacedReader {
  readonly #socket: { pause(): void; resume(): void };
  readonly #read: (text: string) => Promise<void> | undefined;
  readonly #isOpen: () => boolean;
  #busy = false;
  #backlog: string[] = [];
  /** Packets read in `#turn` of the event loop; a large packet counts as several. */
  #reads = 0;
  #turn = 0;

  /**
   * @param read handles one packet; the next one waits for its promise
   * @param isOpen false: the connection is closing, and waiting packets are dropped
   */
  constructor(
    socket: { pause(): void; resume(): void },
    read: (text: string) => Promise<void> | undefined,
    isOpen: () => boolean,
  ) {
    this.#isOpen = isOpen;
    this.#socket = socket;
    this.#read = read;
  }

  push(text: string): void {
    if (this.#busy) this.#backlog.push(text);
    else this.#readOne(text);
  }

  #readOne(text: string): void {
    const busy = this.#read(text) ?? this.#nextTurn(text.length);
    if (!busy) return;
    this.#busy = true;
    this.#socket.pause();
    void busy.finally(() => {
      this.#busy = false;
      this.#socket.resume();
      this.#readBacklog();
    });
  }

  #readBacklog(): void {
    for (let text = this.#backlog.shift(); text !== undefined; text = this.#backlog.shift()) {
      if (this.#isOpen()) this.#readOne(text);
      if (this.#busy) return;
    }
  }

  /** @returns the next turn, if this client has used up its share of this one */
  #nextTurn(length: number): Promise<void> | undefined {
    const turn = currentTurn();
    if (turn !== this.#turn) this.#reads = 0;
    this.#turn = turn;
    this.#reads += 1 + length / BYTES_PER_READ;
    return this.#reads < READS_PER_TURN ? undefined : nextTurn();
  }
}
