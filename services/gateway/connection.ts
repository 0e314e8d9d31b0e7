import type { Socket } from 'node:net';
import { WebSocket, type RawData } from 'ws';
import {
  CLOSE_NORMAL,
  CLOSE_UNSUPPORTED_DATA,
  CODES,
  type Code,
  type ErrorCode,
} from '#libs/protocol/codes.ts';
import type { Re } from '#libs/protocol/decode.ts';
import { encode } from '#libs/protocol/encode.ts';
import { MAX_BAD_PACKETS } from '#libs/protocol/limits.ts';
import type { Bye, ServerType } from '#libs/protocol/server-packets.ts';
import { ControlFrames } from './control-frames.ts';
import type { Flushable, Flusher } from './flusher.ts';
import { FrameBuffer } from './frame-buffer.ts';
import { LoginState } from './login-state.ts';
import { errorsTotal, packetsOut } from './metrics.ts';
import { PacedReader } from './paced-reader.ts';
import { StallDetector } from './stall-detector.ts';

/** The part of its session that a connection calls. */
export interface AttachedSession {
  /** Told when the client takes more again. */
  readonly window: { pump(): void };
}

/** The part of the gateway that a connection calls. */
export interface ConnectionOwner<S extends AttachedSession = AttachedSession> {
  /** One text frame. While the promise is pending, nothing further is read. */
  receive(connection: Connection<S>, text: string): Promise<void> | undefined;
  closed(connection: Connection<S>): void;
}

export interface ConnectionLimits {
  /** Most that may wait for the client, bytes. */
  maxSendBuffer: number;
  loginTimeoutMs: number;
  /** Most WebSocket pings and pongs within CONTROL_WINDOW_MS. */
  maxControlFrames: number;
}

/** Share of the send buffer that messages may fill; the rest is for answers, which do not wait. */
const MESSAGE_SHARE = 0.25;
/** A client may still send this many bytes after the close; each frame counts as FRAME_BYTES more. */
const LATE_BYTES = 256 * 1024;
const FRAME_BYTES = 100;

/** A client's WebSocket: text frames in, packets out, and the errors and closes of the code table. */
export class Connection<S extends AttachedSession = AttachedSession> implements Flushable {
  readonly openedAt = Date.now();
  /** What limits by address take it for. */
  readonly address: string;
  session: S | undefined;
  readonly login: LoginState;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #flusher: Flusher;
  readonly #frames = new FrameBuffer();
  readonly #owner: ConnectionOwner<S>;
  readonly #limits: ConnectionLimits;
  readonly #stall: StallDetector;
  readonly #controlFrames: ControlFrames;
  readonly #reader: PacedReader;
  #badPackets = 0;
  #lateBytes = 0;
  /** Payload of the latest unanswered ping. */
  #pinged: Buffer | undefined;

  constructor(
    ws: WebSocket,
    socket: Socket,
    flusher: Flusher,
    owner: ConnectionOwner<S>,
    address: string,
    limits: ConnectionLimits,
  ) {
    this.address = address;
    this.#ws = ws;
    this.#socket = socket;
    this.#flusher = flusher;
    this.#owner = owner;
    this.#limits = limits;
    this.login = new LoginState(this.openedAt + limits.loginTimeoutMs);
    this.#stall = new StallDetector(limits.maxSendBuffer);
    this.#controlFrames = new ControlFrames(limits.maxControlFrames);
    this.#reader = new PacedReader(
      ws,
      (text) => owner.receive(this, text),
      () => this.open,
    );
    ws.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    ws.on('pong', () => this.#onControlFrame());
    ws.on('ping', (data) => this.#onControlFrame(data));
    ws.on('error', (error: Error & { code?: string }) => errorsTotal.inc({ code: frameFault(error) }));
    ws.on('close', () => owner.closed(this));
    socket.on('drain', () => this.session?.window.pump());
  }

  get open(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  get sendBufferBytes(): number {
    return this.#socket.writableLength + this.#frames.bytes;
  }

  /** There is room for messages. */
  get writable(): boolean {
    return this.sendBufferBytes < this.#limits.maxSendBuffer * MESSAGE_SHARE;
  }

  send(type: ServerType, text: string): void {
    if (!this.open) return;
    packetsOut[type].inc();
    this.#frames.add(text);
    this.#flusher.add(this);
  }

  flush(): void {
    if (!this.open) return; // nothing may follow a close
    if (this.#pinged) this.#ws.pong(this.#pinged);
    this.#pinged = undefined;
    if (this.#frames.bytes > 0) this.#socket.write(this.#frames.take());
    if (this.sendBufferBytes > this.#limits.maxSendBuffer) this.close('slow_consumer');
  }

  /**
   * Closes the connection of a client that does not read. Its messages return to the mailbox.
   *
   * @param waitingBytes what waits for room in the send buffer
   */
  checkStall(waitingBytes: number, now: number): void {
    if (this.#stall.stalled(this.sendBufferBytes, waitingBytes, now)) this.close('slow_consumer');
  }

  /** Refuses a packet. */
  error(code: ErrorCode, message: string, re?: Re): void {
    errorsTotal.inc({ code });
    this.send('error', encode({ type: 'error', code, message, ...(re && { re }) }));
    if (code === 'bad_packet' && ++this.#badPackets >= MAX_BAD_PACKETS)
      this.#close(CODES.bad_packet.close, code);
  }

  /** Refuses a packet, and the client with it. */
  reject(
    code: 'not_logged_in' | 'unauthorized' | 'rate_limited' | 'too_many_devices',
    message: string,
    re?: Re,
  ): void {
    this.error(code, message, re);
    this.#close(CODES[code].close, code);
  }

  /** Ends the connection with a code that is no error packet. */
  close(code: 'login_timeout' | 'slow_consumer' | 'overloaded'): void {
    errorsTotal.inc({ code });
    this.#close(CODES[code].close, code);
  }

  /** Tells the client why it must disconnect; leave() follows. */
  bye(reason: Bye['reason'], reconnectAfterMs?: number): void {
    errorsTotal.inc({ code: reason });
    this.send(
      'bye',
      encode({ type: 'bye', reason, ...(reconnectAfterMs !== undefined && { reconnectAfterMs }) }),
    );
  }

  leave(reason: Bye['reason']): void {
    this.#close(CODES[reason].close, reason);
  }

  /** The client has what it asked for, and leaves. */
  finish(): void {
    this.#close(CLOSE_NORMAL, 'logged out');
  }

  /** One ping interval is over. @returns false if the client was silent for two of them, and is gone */
  ping(): boolean {
    if (!this.#controlFrames.intervalOver()) {
      this.#ws.terminate();
      return false;
    }
    if (this.open) this.#ws.ping();
    return true;
  }

  #close(code: number, reason: Code | 'binary' | 'logged out'): void {
    if (!this.open) return;
    if (this.#frames.bytes > 0) this.#socket.write(this.#frames.take());
    this.#ws.close(code, reason);
    this.#owner.closed(this);
  }

  /** Of pings that come together the latest is answered (RFC 6455, 5.5.3). Too many, and the client must go. */
  #onControlFrame(ping?: Buffer): void {
    this.#controlFrames.alive();
    if (!this.open) return;
    if (this.#controlFrames.tooMany()) this.reject('rate_limited', 'too many WebSocket pings and pongs');
    else if (ping) {
      this.#pinged = ping;
      this.#flusher.add(this);
    }
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    this.#controlFrames.alive();
    // ws hands frames over as one Buffer (binaryType nodebuffer).
    const frame = data as Buffer;
    if (!this.open) {
      this.#late(frame);
      return;
    }
    if (isBinary) {
      errorsTotal.inc({ code: 'binary' });
      this.#close(CLOSE_UNSUPPORTED_DATA, 'binary');
      return;
    }
    this.#reader.push(frame.toString());
  }

  /** A client that sends on instead of answering the close is no longer read; ws destroys its socket soon. */
  #late({ length }: Buffer): void {
    this.#lateBytes += length + FRAME_BYTES;
    if (this.#lateBytes > LATE_BYTES) this.#ws.pause();
  }
}

/** Faults of the WebSocket layer, which ws answers with the close code itself. */
function frameFault({ code }: { code?: string }): string {
  return code !== undefined && TOO_LARGE.has(code) ? 'too_large' : 'websocket';
}

/** A message above the limit, and a frame whose length no program can count. */
const TOO_LARGE = new Set(['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH']);
