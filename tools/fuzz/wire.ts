import { connect, type Socket } from 'node:net';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';
import { OPCODES, readFrames } from './frames.ts';

/** A TCP connection that sends any bytes at all, and reads what an HTTP and then a WebSocket server answers. */
export class Wire {
  /** Status of the HTTP answer; undefined while there is none. */
  status: number | undefined;
  /** Of all HTTP answers. */
  readonly statuses = new Set<number>();
  /** Texts of the packets that came. */
  readonly packets: string[] = [];
  pongs = 0;
  /** Code of the server's close frame; 1005 if it has none. */
  closeCode: number | undefined;
  /** What the server sent that no server may send. */
  fault: string | undefined;
  /** Resolves when either side has ended the connection. */
  readonly gone: Promise<void>;
  readonly #socket: Socket;
  #unread: Buffer = Buffer.alloc(0);
  #isGone = false;
  #wake: (() => void)[] = [];

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('error', () => undefined); // a close follows
    this.#socket.on('data', (data) => this.#received(data));
    this.gone = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.#isGone = true;
        this.#changed();
        resolve();
      });
    });
  }

  get ended(): boolean {
    return this.#isGone;
  }

  /** Sends bytes; resolves when the system has them, or the connection is gone. */
  async write(bytes: Buffer | string): Promise<void> {
    if (this.#isGone || this.#socket.destroyed) return;
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    await Promise.race([
      new Promise<void>((resolve) => this.#socket.write(data, () => resolve())),
      this.gone,
    ]);
  }

  /** Reads nothing more, as a client that hangs. */
  hang(): void {
    this.#socket.pause();
  }

  /** Ends its side, or drops the connection as a broken network does. */
  end(how: 'fin' | 'reset'): void {
    if (how === 'fin') this.#socket.end();
    else this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resolves when the condition holds or the connection is gone; false when neither comes in time. */
  async settles(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = AbortSignal.timeout(timeoutMs);
    deadline.addEventListener('abort', () => this.#changed());
    while (!condition() && !this.#isGone && !deadline.aborted)
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    return condition() || this.#isGone;
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #received(data: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, data]);
    try {
      if (this.status !== 101) this.#readHttp();
      if (this.status === 101) this.#readFrames();
    } catch (error) {
      this.fault = String(error);
      this.#socket.destroy();
    }
    this.#changed();
  }

  /** Answers before the upgrade may come one behind the other; the last one counts. */
  #readHttp(): void {
    const text = this.#unread.toString('latin1');
    const answers = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)];
    const status = Number(answers.at(-1)?.[1] ?? 0);
    for (const [, one] of answers) this.statuses.add(Number(one));
    if (status !== 101) {
      if (status !== 0) this.status = status;
      return;
    }
    const end = text.indexOf('\r\n\r\n', answers.at(-1)?.index);
    if (end < 0) return;
    this.status = status;
    this.#unread = this.#unread.subarray(end + 4);
  }

  #readFrames(): void {
    const { frames, rest } = readFrames(this.#unread);
    this.#unread = rest;
    for (const { opcode, payload } of frames) {
      if (opcode === OPCODES.text) this.packets.push(payload.toString());
      else if (opcode === OPCODES.pong) this.pongs++;
      else if (opcode === OPCODES.close)
        this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    }
  }
}

/** The upgrade of an ordinary client, as its lines. */
export const UPGRADE: readonly string[] = [
  'GET /ws HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
];

/** A request as bytes. */
export const request = (lines: readonly string[]) => `${lines.join('\r\n')}\r\n\r\n`;
