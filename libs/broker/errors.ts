/**
 * Why a publish was not confirmed. `unknown` outcomes (timeout, closed, nacked) may still have reached the queue:
 * publish again, and let the consumer deduplicate.
 */
export type BrokerFailure =
  'not_connected' | 'blocked' | 'full' | 'timeout' | 'closed' | 'nacked' | 'unroutable' | 'stopped';

export class BrokerError extends Error {
  readonly code: BrokerFailure;

  constructor(code: BrokerFailure, options?: ErrorOptions) {
    super(`publish: ${code}`, options);
    this.code = code;
  }
}
