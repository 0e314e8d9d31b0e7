import type { Socket } from 'node:net';

/**
 * Coalesces what is written to a socket in one turn of the event loop into one system call: a batch from the broker
 * brings many small packets for the same client.
 */
export class Corker {
  readonly #corked = new Set<Socket>();

  /** Call before writing. */
  cork(socket: Socket): void {
    if (this.#corked.has(socket)) return;
    if (this.#corked.size === 0) setImmediate(() => this.#uncork());
    this.#corked.add(socket);
    socket.cork();
  }

  #uncork(): void {
    for (const socket of this.#corked) socket.uncork();
    this.#corked.clear();
  }
}
