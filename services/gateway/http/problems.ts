import type { ErrorRequestHandler, Response } from 'express';
import type { ErrorCode } from '#libs/protocol/codes.ts';
import type { Re } from '#libs/protocol/decode.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { errorsTotal } from '../metrics.ts';

/** When a client should ask again that came at a bad time, seconds. */
const RETRY_AFTER_S = 1;

/** Why a request is refused: thrown by handlers, answered by `answerProblems` (PROTOCOL: the same over HTTP, errors). */
export class Problem extends Error {
  readonly status: number;
  readonly code: ErrorCode;
  readonly re: Re | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    { re, headers = {} }: { re?: Re | undefined; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.re = re;
    this.headers = headers;
  }

  /** As the client sees it. */
  get body(): { code: ErrorCode; message: string; re?: Re } {
    const { code, message, re } = this;
    return { code, message, ...(re && { re }) };
  }
}

const retryAfter = { 'Retry-After': String(RETRY_AFTER_S) };

export const badPacket = (message: string, re?: Re): Problem =>
  new Problem(400, 'bad_packet', message, { re });
export const unauthorized = (message: string): Problem =>
  new Problem(401, 'unauthorized', message, { headers: { 'WWW-Authenticate': 'Bearer' } });
export const forbidden = (message: string, re?: Re): Problem =>
  new Problem(403, 'forbidden', message, { re });
export const notFound = (message: string): Problem => new Problem(404, 'bad_packet', message);
export const tooLarge = (message: string): Problem => new Problem(413, 'bad_packet', message);
export const unsupported = (message: string, headers = {}): Problem =>
  new Problem(415, 'bad_packet', message, { headers });
export const rateLimited = (message: string): Problem =>
  new Problem(429, 'rate_limited', message, { headers: retryAfter });
export const unavailable = (message: string, re?: Re): Problem =>
  new Problem(503, 'unavailable', message, { re, headers: retryAfter });

/** Statuses of the codes that a packet handler may refuse with. */
const STATUS: Partial<Record<ErrorCode, (message: string, re: Re) => Problem>> = {
  bad_packet: badPacket,
  forbidden,
  rate_limited: rateLimited,
};

/** What a packet handler refused. */
export const refusal = (code: ErrorCode, message: string, re: Re): Problem =>
  (STATUS[code] ?? unavailable)(message, re);

/** Sends a problem. Once an answer has begun, the connection can only be cut. */
export function sendProblem(response: Response, problem: Problem): void {
  if (response.writableEnded) return; // the connection broke off, and it was told so
  errorsTotal.inc({ code: problem.code });
  if (response.headersSent) response.destroy();
  else response.status(problem.status).set(problem.headers).json(problem.body);
}

/** The last middleware: every error becomes a typed answer. One that nobody expected is a bug, and is logged. */
export function answerProblems(log: Pick<Logger, 'error'>): ErrorRequestHandler {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- Express knows an error handler by its four parameters
  return (error: unknown, _request, response, _next) => {
    if (error instanceof Problem) sendProblem(response, error);
    else if (error instanceof URIError) sendProblem(response, badPacket('the path is not readable'));
    else {
      log.error({ err: error }, 'a request over HTTP failed');
      sendProblem(response, unavailable('the request failed; send it again'));
    }
  };
}
