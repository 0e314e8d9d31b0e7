const NEWLINE = 0x0a;

/** Splits a stream of bytes into lines, none of them longer than `maxBytes`. */
export class LineSplitter {
  readonly #maxBytes: number;
  /** Of the line that is not complete; undefined: it is too long already. */
  #parts: Buffer[] | undefined = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that this completes; undefined: one that is too long. */
  push(chunk: Buffer): (Buffer | undefined)[] {
    const lines: (Buffer | undefined)[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, end));
      lines.push(this.#take());
      from = end + 1;
    }
    this.#add(chunk.subarray(from));
    return lines;
  }

  /** The last line, which needs no line end. */
  end(): (Buffer | undefined)[] {
    return this.#bytes > 0 ? [this.#take()] : [];
  }

  #add(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) this.#parts = undefined;
    else if (part.length > 0) this.#parts?.push(part);
  }

  #take(): Buffer | undefined {
    const line = this.#parts && Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return line;
  }
}
