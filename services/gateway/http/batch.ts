import type { Request, Response } from 'express';
import { BatchLines } from './batch-lines.ts';
import { BodyStream } from './body-stream.ts';
import type { Call } from './endpoint.ts';
import { HTTP_LIMITS } from './limits.ts';
import { LineSplitter } from './line-splitter.ts';
import { countBody } from './metrics.ts';
import { OrderedLines } from './ordered-lines.ts';
import { type Problem, sendProblem, tooLarge } from './problems.ts';

export const NDJSON_TYPE = 'application/x-ndjson';

/**
 * A client whose body has no length may wait for an answer before it sends more: after this long without more of it the
 * answers go out, milliseconds. Until then, the status may still become 413.
 */
const QUIET_MS = 250;

/**
 * A batch of messages, one on each line (PROTOCOL: POST /v1/messages as application/x-ndjson). Lines are published as they
 * come, at most SEND_WINDOW of them unanswered; nothing is read while they wait, or while the client does not read answers.
 */
export class Batch {
  readonly #response: Response;
  readonly #lines: BatchLines;
  readonly #answers: OrderedLines;
  readonly #splitter: LineSplitter;
  readonly #body: BodyStream;
  readonly #mayWait: boolean;
  /** Lines that have come, and are not handled; undefined: one that is too long. At most what one chunk holds. */
  #waiting: (Buffer | undefined)[] = [];
  #count = 0;
  #complete = false;
  #failed: Problem | undefined;
  #advancing = false;
  #quiet: NodeJS.Timeout | undefined;

  constructor(call: Call, request: Request, response: Response) {
    this.#response = response;
    this.#lines = new BatchLines(call);
    this.#answers = new OrderedLines(response, NDJSON_TYPE);
    this.#splitter = new LineSplitter(call.gateway.config.MAX_PACKET_BYTES);
    this.#mayWait = request.headers['content-length'] === undefined;
    this.#body = new BodyStream(request, HTTP_LIMITS.batchBytes, {
      chunk: (chunk) => this.#take(this.#splitter.push(chunk)),
      end: (problem) => this.#end(problem),
    });
    response.on('drain', () => this.#advance()).once('close', () => this.#close());
    this.#awaitQuiet();
  }

  #take(lines: (Buffer | undefined)[]): void {
    const some = lines.filter((line) => line === undefined || !isBlank(line));
    this.#count += some.length;
    const excess = Math.max(0, this.#count - HTTP_LIMITS.batchLines);
    this.#waiting.push(...some.slice(0, some.length - excess));
    if (excess > 0) {
      countBody('too_many_lines');
      this.#body.stop();
      this.#fail(tooLarge(`a batch has at most ${HTTP_LIMITS.batchLines} lines`));
    } else {
      this.#awaitQuiet();
      this.#advance();
    }
  }

  #end(problem: Problem | undefined): void {
    if (problem) {
      this.#fail(problem);
      return;
    }
    this.#take(this.#splitter.end());
    if (this.#failed) return;
    this.#complete = true;
    this.#answers.begin();
    this.#advance();
  }

  /** Nothing more is read. Once the status is sent, the problem becomes the last line. */
  #fail(problem: Problem): void {
    this.#failed = problem;
    this.#quiet = undefined;
    if (!this.#answers.began) {
      this.#waiting = [];
      sendProblem(this.#response, problem);
      return;
    }
    this.#complete = true;
    this.#advance();
  }

  /** Handles what may be handled now; reads on when nothing waits. */
  #advance(): void {
    if (this.#advancing) return; // a line was answered at once
    this.#advancing = true;
    while (this.#waiting.length > 0 && !this.#answers.blocked) {
      const [line] = this.#waiting;
      if (!this.#lines.hasRoom(line?.length ?? 0)) break;
      this.#waiting.shift();
      const answer = this.#answers.reserve();
      this.#lines.handle(line, (result) => {
        answer(result);
        if (this.#waiting.length > 0) this.#advance();
      });
    }
    this.#advancing = false;
    if (this.#waiting.length > 0 || this.#answers.blocked) this.#body.pause();
    else if (!this.#complete) this.#body.resume();
    else this.#finish();
  }

  #finish(): void {
    if (this.#answers.ended) return;
    const { code, message } = this.#failed ?? {};
    if (code !== undefined) this.#answers.reserve()({ error: { code, message } });
    this.#answers.end();
  }

  /** The client may wait for answers if nothing of its body comes for a while, and not because nobody reads it. */
  #awaitQuiet(): void {
    if (!this.#mayWait || this.#answers.began) return;
    clearTimeout(this.#quiet);
    const quiet = setTimeout(() => {
      // What has come meanwhile is read before the next turn, also when this process was busy.
      setImmediate(() => {
        if (this.#quiet !== quiet) return;
        if (this.#waiting.length > 0) this.#awaitQuiet();
        else this.#answers.begin();
      });
    }, QUIET_MS);
    this.#quiet = quiet;
  }

  #close(): void {
    this.#lines.close();
    this.#waiting = [];
    clearTimeout(this.#quiet);
    this.#quiet = undefined;
    this.#body.stop();
  }
}

const isBlank = (line: Buffer) => line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
