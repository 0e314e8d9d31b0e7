/** WebSocket frames as bytes (RFC 6455, 5.2): those of a client with anything about them off, those of a server to be read. */

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  opcode?: number;
  fin?: boolean;
  /** The three reserved bits, 0 to 7; 4 is RSV1, which says compressed. */
  reserved?: number;
  /** The mask; null for none, which no client may send. */
  mask?: number | null;
  /** What the header says, whatever follows. */
  length?: number | bigint;
  /** Length as 16 or 64 bits though fewer would do. */
  lengthBits?: 7 | 16 | 64;
}

/** A frame of a client. */
export function frame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = OPCODES.text, fin = true, reserved = 0, mask = 0x5a17c3e9 } = options;
  const data = Buffer.from(payload);
  const length = BigInt(options.length ?? data.length);
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const head = [Buffer.from([first]), lengthBytes(length, options.lengthBits, mask !== null)];
  if (mask === null) return Buffer.concat([...head, data]);
  const key = Buffer.alloc(4);
  key.writeUInt32BE(mask >>> 0);
  return Buffer.concat([...head, key, data.map((byte, n) => byte ^ (key[n % 4] ?? 0))]);
}

function lengthBytes(length: bigint, bits: FrameOptions['lengthBits'], masked: boolean): Buffer {
  const flag = masked ? 0x80 : 0;
  const size = bits ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  if (size === 7) return Buffer.from([flag | Number(length)]);
  const bytes = Buffer.alloc(size === 16 ? 3 : 9);
  bytes[0] = flag | (size === 16 ? 126 : 127);
  if (size === 16) bytes.writeUInt16BE(Number(length), 1);
  else bytes.writeBigUInt64BE(length, 1);
  return bytes;
}

/** A close frame. */
export function closeFrame(code: number, reason: string | Buffer = ''): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(Buffer.concat([payload, Buffer.from(reason)]), { opcode: OPCODES.close });
}

/** A frame of the server. */
export interface ServerFrame {
  opcode: number;
  payload: Buffer;
}

/**
 * Takes the frames off the front of what the server sent.
 *
 * @returns them, and what is left: the beginning of the next one
 * @throws Error when a frame is one that no server may send, or that ours does not
 */
export function readFrames(bytes: Buffer): { frames: ServerFrame[]; rest: Buffer } {
  const frames: ServerFrame[] = [];
  let rest = bytes;
  while (rest.length >= 2) {
    const [first = 0, second = 0] = rest;
    const opcode = first & 0x0f;
    if ((first & 0xf0) !== 0x80 || (second & 0x80) !== 0) throw new Error('a frame with odd bits');
    if (![OPCODES.text, OPCODES.close, OPCODES.ping, OPCODES.pong].includes(opcode as 1))
      throw new Error(`a frame with opcode ${opcode}`);
    const size = second === 126 ? 4 : second === 127 ? 10 : 2;
    if (rest.length < size) break;
    const length = size === 2 ? second : size === 4 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    if (rest.length < size + length) break;
    frames.push({ opcode, payload: rest.subarray(size, size + length) });
    rest = rest.subarray(size + length);
  }
  return { frames, rest };
}
