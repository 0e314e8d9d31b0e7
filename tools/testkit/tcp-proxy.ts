import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';

const HOST = '127.0.0.1';

/** A connection through the proxy: the socket of who connected, and the one to the target. */
interface Pair {
  near: Socket;
  far: Socket;
  /** Nothing passes any more, and neither side is told. */
  lost: boolean;
  /** How much may pass yet before the connection ends, bytes of both directions. */
  left: number;
}

/**
 * A TCP proxy on the loopback address that can behave like a bad network: it stalls, loses connections without a
 * word, resets them, or breaks them in the middle of a frame. Bytes that pass are never changed.
 */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  #stalled = false;
  #cut = false;

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on('connection', (near: Socket) => this.#connect(near));
  }

  /** Listens on `port` (default: a free one) for connections to `target`, a port of the loopback address. */
  static async listen(target: number, port = 0): Promise<TcpProxy> {
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    server.listen(port, HOST);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    return new TcpProxy(server, address.port, target);
  }

  /** Number of connections that pass through now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Nothing moves in either direction until `resume`; then all of it does. New connections open, and stand still. */
  stall(): void {
    this.#stalled = true;
    for (const pair of this.#pairs) this.#flow(pair);
  }

  /** Ends a stall. */
  resume(): void {
    this.#stalled = false;
    for (const pair of this.#pairs) this.#flow(pair);
  }

  /**
   * Forgets the connections of now, as a router does that was restarted: both sides believe in them, and what they
   * send is lost, also their close. New connections are not affected.
   */
  lose(): void {
    for (const pair of this.#pairs) {
      pair.lost = true;
      this.#flow(pair);
    }
  }

  /** Ends the connections of now with a reset to both sides. */
  reset(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Lets this many bytes more pass on each connection of now, then ends it: likely in the middle of a frame. */
  breakAfter(bytes: number): void {
    for (const pair of this.#pairs) pair.left = bytes;
  }

  /** Ends the connections of now with a reset, and likewise each new one, until `mend`. */
  cut(): void {
    this.#cut = true;
    this.reset();
  }

  /** Ends a cut. */
  mend(): void {
    this.#cut = false;
  }

  /** Ends all connections and the proxy. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #connect(near: Socket): void {
    if (this.#cut) {
      near.resetAndDestroy();
      return;
    }
    const far = new Socket({ allowHalfOpen: true }).setNoDelay(true);
    const pair: Pair = { near, far, lost: false, left: Infinity };
    this.#pairs.add(pair);
    far.connect(this.#target, HOST);
    this.#carry(pair, near, far);
    this.#carry(pair, far, near);
    this.#flow(pair);
  }

  /** Passes on what `source` says: data, its end, its failure. */
  #carry(pair: Pair, source: Socket, sink: Socket): void {
    source.on('data', (chunk: Buffer) => {
      if (pair.lost) return;
      const part = chunk.subarray(0, pair.left);
      pair.left -= part.length;
      if (pair.left === 0) this.#break(pair, source, sink, part);
      else if (!sink.write(part)) source.pause();
    });
    sink.on('drain', () => this.#flow(pair));
    source.on('end', () => {
      if (!pair.lost) sink.end();
    });
    source.on('error', () => undefined); // 'close' follows
    source.on('close', (failed) => {
      if (!pair.lost && (failed || !sink.writable)) sink.destroy();
      if (pair.near.destroyed && pair.far.destroyed) this.#pairs.delete(pair);
    });
  }

  /** Ends a connection with the last that may pass. */
  #break(pair: Pair, source: Socket, sink: Socket, last: Buffer): void {
    pair.lost = true;
    sink.end(last, () => sink.destroy());
    source.destroy();
  }

  /** Lets bytes move, or not; what is lost is read and thrown away, so that the senders see no backpressure. */
  #flow({ near, far, lost }: Pair): void {
    const stand = this.#stalled && !lost;
    for (const [source, sink] of [
      [near, far],
      [far, near],
    ] as const)
      if (stand || (sink.writableNeedDrain && !lost)) source.pause();
      else source.resume();
  }
}
