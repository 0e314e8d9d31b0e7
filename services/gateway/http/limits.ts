/** Limits of requests over HTTP that no setting changes. */
export const HTTP_LIMITS = {
  /** How long a body may take while the gateway is ready to read it, milliseconds. */
  bodyTimeoutMs: 8_000,
  /** Silence of a socket while its request is answered: above every wait for an answer of ours, milliseconds. */
  answerTimeoutMs: 30_000,
  /** Of a body that nobody reads any more, what is still taken off the wire: its client then reads the answer, bytes. */
  discardBytes: 8 * 1024 * 1024,
  /** NDJSON: all lines together, bytes, and their number. */
  batchBytes: 1024 * 1024,
  batchLines: 1_000,
};
