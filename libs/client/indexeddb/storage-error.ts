import { ClientError } from '../errors.ts';

/**
 * Why a storage of the browser failed:
 * - `unavailable`: the page may not store anything (cookies are blocked, a sandboxed frame), or the browser is too old
 * - `in_use`: another tab uses it
 * - `newer_version`: a newer version of this library has changed it. Load the page again
 * - `blocked`: an old tab has it open and does not let go. Close that tab, then call `reconnect()`
 * - `lost`: the browser took it away: the user deleted the site's data, the disk failed, or room was needed
 * - `quota`: there is no room
 * - `failed`: anything else; see `cause`
 */
export type StorageReason =
  'unavailable' | 'in_use' | 'newer_version' | 'blocked' | 'lost' | 'quota' | 'failed';

/** A storage of the browser failed. It is the `cause` of the {@link ClientError} `storage` that onError gets. */
export class StorageError extends ClientError {
  /** The name of the class. */
  override readonly name = 'StorageError';
  /** What went wrong, for programs. */
  readonly reason: StorageReason;

  constructor(reason: StorageReason, message: string, cause?: unknown) {
    super('storage', message, { cause });
    this.reason = reason;
  }
}

/** Names of DOMExceptions. */
const REASONS: Readonly<Record<string, StorageReason>> = {
  QuotaExceededError: 'quota',
  VersionError: 'newer_version',
  SecurityError: 'unavailable',
};

/** The error of the browser, as one of ours. */
export function storageError(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { name = '', message } = cause as Partial<Error>;
  return new StorageError(REASONS[name] ?? 'failed', `IndexedDB: ${message ?? name}`, cause);
}
