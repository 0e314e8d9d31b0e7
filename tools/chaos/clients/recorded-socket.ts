import { WebSocket } from 'ws';
import type { Packet } from '../history.ts';

/** Takes note of what passes on a connection, before anybody acts on it. */
export interface Recorder {
  /** A name for the next connection. */
  nextConnection(): number;
  packet(is: 'in' | 'out', connection: number, packet: Packet): void;
  closed(connection: number, code: number): void;
}

/** A WebSocket that records, and the means to tear down all that were opened with it. */
export function recordedSocket(recorder: Recorder) {
  const open = new Set<WebSocket>();
  const read = (data: unknown) => JSON.parse(String(data)) as Packet;

  class RecordedSocket extends WebSocket {
    readonly #connection = recorder.nextConnection();

    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      open.add(this);
      this.on('message', (data) => recorder.packet('in', this.#connection, read(data)));
      this.on('error', () => undefined); // 'close' follows
      this.on('close', (code) => {
        open.delete(this);
        recorder.closed(this.#connection, code);
      });
    }

    override send(text: string): void {
      recorder.packet('out', this.#connection, read(text));
      super.send(text);
    }
  }
  return { RecordedSocket, terminateAll: () => open.forEach((socket) => socket.terminate()) };
}
