import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';

const TEXT = 0x81;
const [CLOSE, PING, PONG] = [0x88, 0x89, 0x8a];

/** Read into by all sockets, one after the other: what came is a string before the next one reads. */
const INBOX = Buffer.allocUnsafe(256 * 1024);

/** Takes the text of packets: `chunk` from `from` to `to`. */
export type OnText = (chunk: string, from: number, to: number) => void;

/**
 * A WebSocket that costs as little as can be, since it shares the processor with what is measured: one read and one
 * write for all packets that come together, and text in ASCII only. Frames have a mask of zero, as the standard lets
 * who has nothing to hide from proxies.
 */
export class LoadSocket {
  onText: OnText = () => undefined;
  /** What ended it. */
  onEnd: (why: string) => void = () => undefined;
  readonly #socket: Socket;
  #rest = '';
  #upgraded: (() => void) | undefined;
  #reading = false;
  #out = '';
  #ending = false;

  private constructor(url: URL) {
    this.#socket = connect({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      onread: { buffer: INBOX, callback: (count, buffer) => this.#received(count, buffer as Buffer) },
    });
    this.#socket.on('error', (error) => this.#end(error.message));
    this.#socket.on('close', () => this.#end('closed by the other side'));
  }

  /** Connects, and resolves when WebSocket frames may follow. */
  static async open(url: string): Promise<LoadSocket> {
    const address = new URL(url);
    const socket = new LoadSocket(address);
    await new Promise<void>((resolve, reject) => {
      socket.#upgraded = resolve;
      socket.onEnd = (why) => reject(new Error(`${url}: ${why}`));
      socket.#socket.write(upgrade(address));
    });
    return socket;
  }

  /** Sends a packet; those that answer what came together go out together. */
  send(text: string): void {
    this.#out += frame(TEXT, text);
    if (!this.#reading) this.#flush();
  }

  get isOpen(): boolean {
    return !this.#ending;
  }

  /** Bytes that wait for the other side to read. */
  get waiting(): number {
    return this.#socket.writableLength;
  }

  /** Reads nothing more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Vanishes without a word. */
  close(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  #flush(): void {
    if (this.#out === '' || this.#ending) return;
    this.#socket.write(this.#out, 'latin1');
    this.#out = '';
  }

  #end(why: string): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#socket.destroy();
    this.onEnd(why);
  }

  #received(count: number, buffer: Buffer): boolean {
    const chunk = this.#rest + buffer.toString('latin1', 0, count);
    this.#reading = true;
    this.#rest = chunk.slice(this.#upgraded ? this.#readUpgrade(chunk) : this.#readFrames(chunk, 0));
    this.#reading = false;
    this.#flush();
    return true;
  }

  /** @returns how much of it is read */
  #readUpgrade(chunk: string): number {
    const end = chunk.indexOf('\r\n\r\n');
    if (end < 0) return 0;
    if (!chunk.startsWith('HTTP/1.1 101 ')) this.#end(chunk.slice(0, chunk.indexOf('\r\n')));
    const upgraded = this.#upgraded;
    this.#upgraded = undefined;
    upgraded?.();
    return this.#readFrames(chunk, end + 4);
  }

  #readFrames(chunk: string, from: number): number {
    for (let at = from; ;) {
      const short = chunk.charCodeAt(at + 1);
      const begin = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
      if (!(chunk.length >= begin)) return at;
      const end = begin + (short < 126 ? short : bigEndian(chunk, at + 2, begin));
      if (chunk.length < end) return at;
      const kind = chunk.charCodeAt(at);
      if (kind === TEXT) this.onText(chunk, begin, end);
      else if (kind === PING) this.#out += frame(PONG, chunk.slice(begin, end));
      else if (kind === CLOSE) this.#end(`closed with ${bigEndian(chunk, begin, begin + 2)}`);
      else this.#end(`a frame that begins with ${kind}`);
      at = end;
    }
  }
}

function bigEndian(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 256 + text.charCodeAt(at);
  return value;
}

/** Characters stand for bytes. */
function frame(kind: number, text: string): string {
  const { length } = text;
  if (length < 126) return `${String.fromCharCode(kind, 0x80 | length)}\0\0\0\0${text}`;
  if (length > 65_535) throw new Error('longer than a load generator needs');
  return `${String.fromCharCode(kind, 0xfe, length >> 8, length & 255)}\0\0\0\0${text}`;
}

const upgrade = ({ pathname, host }: URL): string =>
  [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
    '\r\n',
  ].join('\r\n');
