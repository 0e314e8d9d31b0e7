/** FIN and opcode 1: a whole text message (RFC 6455, 5.2). A server does not mask. */
const TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** Largest length that fits the first byte, and two further ones. */
const MAX_7_BITS = 125;
const MAX_16_BITS = 0xffff;

/**
 * WebSocket text frames that are written as one buffer: a write per frame costs more than all other work for a packet.
 */
export class FrameBuffer {
  #texts: string[] = [];
  #bytes = 0;

  /** Of all frames, headers included. */
  get bytes(): number {
    return this.#bytes;
  }

  add(text: string): void {
    const length = Buffer.byteLength(text);
    this.#texts.push(text);
    this.#bytes += headerBytes(length) + length;
  }

  /** Removes and returns all frames. */
  take(): Buffer {
    const buffer = Buffer.allocUnsafe(this.#bytes);
    let at = 0;
    for (const text of this.#texts) at = writeFrame(buffer, at, text);
    this.#texts = [];
    this.#bytes = 0;
    return buffer;
  }
}

function headerBytes(length: number): number {
  if (length <= MAX_7_BITS) return 2;
  return length <= MAX_16_BITS ? 4 : 10;
}

/** @returns where the next frame begins */
function writeFrame(buffer: Buffer, at: number, text: string): number {
  const length = Buffer.byteLength(text);
  const body = at + headerBytes(length);
  buffer[at] = TEXT;
  if (length <= MAX_7_BITS) buffer[at + 1] = length;
  else if (length <= MAX_16_BITS) {
    buffer[at + 1] = LENGTH_16;
    buffer.writeUInt16BE(length, at + 2);
  } else {
    buffer[at + 1] = LENGTH_64;
    buffer.writeBigUInt64BE(BigInt(length), at + 2);
  }
  buffer.write(text, body);
  return body + length;
}
