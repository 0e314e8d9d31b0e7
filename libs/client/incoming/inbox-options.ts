import type { Journal } from '../journal.ts';
import type { Storage } from '../storage.ts';
import type { SteadyClock } from '../timing/steady-clock.ts';
import type { HandingOptions } from './handing.ts';

export interface InboxOptions extends Pick<
  HandingOptions<unknown>,
  'failures' | 'slowHandlerMs' | 'unblocked' | 'error'
> {
  readonly clock: SteadyClock;
  readonly storage: Storage;
  readonly journal: Journal;
  /** Most messages under way to the application. More are left to the server, which keeps what is not confirmed. */
  readonly maxHeld: number;
  /** Most messages beside them that are kept here and confirmed; see {@link Inbox.keep}. */
  readonly maxPutAside: number;
  readonly seen: { readonly keepCount: number; readonly keepMs: number };
  /** Called when a message is no longer under way. */
  readonly released: () => void;
}
