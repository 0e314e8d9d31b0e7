import type { Response } from 'express';

/**
 * The answers of a batch: one line each, in the order of the lines, whatever order they come in. Nothing is written before
 * `begin`: until then the status may still become another one. Most that waits is an answer for each line of a batch.
 */
export class OrderedLines {
  readonly #response: Response;
  readonly #type: string;
  /** Undefined: not answered yet. */
  #lines: (string | undefined)[] = [];
  /** How many are written. */
  #written = 0;
  #began = false;
  #ended = false;

  constructor(response: Response, type: string) {
    this.#response = response;
    this.#type = type;
  }

  /** Whether the status is sent, and cannot be changed. */
  get began(): boolean {
    return this.#began;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The client does not read what was written. */
  get blocked(): boolean {
    return this.#response.writableNeedDrain;
  }

  /** The place of the next line. @returns gives its answer */
  reserve(): (answer: unknown) => void {
    const number = this.#written + this.#lines.push(undefined) - 1;
    return (answer) => {
      this.#lines[number - this.#written] = JSON.stringify(answer);
      this.#write();
    };
  }

  begin(): void {
    if (this.#began || this.#response.headersSent) return; // else it was refused meanwhile
    this.#began = true;
    this.#response.status(200).type(this.#type).flushHeaders();
    this.#write();
  }

  /** There are no more lines: the response ends with the last answer. */
  end(): void {
    this.#ended = true;
    this.begin();
    this.#write();
  }

  #write(): void {
    if (!this.#began || this.#response.writableEnded) return;
    const open = this.#lines.indexOf(undefined);
    const ready = this.#lines.splice(0, open < 0 ? this.#lines.length : open);
    this.#written += ready.length;
    if (ready.length > 0) this.#response.write(`${ready.join('\n')}\n`);
    if (this.#ended && this.#lines.length === 0) this.#response.end();
  }
}
