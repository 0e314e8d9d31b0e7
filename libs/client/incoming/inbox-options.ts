import type { WriteBatcher } from '../storage/write-batcher.ts';
import type { Storage } from '../storage.ts';
import type { SteadyClock } from '../timing/steady-clock.ts';
import type { HandlerRunnerOptions } from './handler-runner.ts';

export interface InboxOptions extends Pick<
  HandlerRunnerOptions<unknown>,
  'failures' | 'slowHandlerMs' | 'unblocked' | 'error'
> {
  readonly clock: SteadyClock;
  readonly storage: Storage;
  readonly writes: WriteBatcher;
  /** Most messages under way to the application. More are left to the server, which keeps what is not confirmed. */
  readonly maxHeld: number;
  /** Most messages beside them that are kept here and confirmed; see {@link Inbox.putAside}. */
  readonly maxPutAside: number;
  readonly seen: { readonly keepCount: number; readonly keepMs: number };
  /** Called when a message is no longer under way. */
  readonly released: () => void;
}
