import type { ClientError, ClientErrorCode } from './errors.ts';
import type { ResolvedOptions } from './options.ts';
import type { WriteBatcher } from './storage/write-batcher.ts';

/** What all parts of one client share. */
export interface Context extends ResolvedOptions {
  /** Writes to the storage. */
  readonly writes: WriteBatcher;
  /** Sends a packet; without a session, does nothing. */
  readonly send: (text: string) => void;
  /** Tells the application what went wrong. */
  readonly report: (error: ClientError) => void;
  /** The same, for a new error. */
  readonly fail: (code: ClientErrorCode, message: string, cause?: unknown) => void;
}
