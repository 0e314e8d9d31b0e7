import type { ConnectOptions } from '../options.ts';
import type { Storage } from '../storage.ts';

/** Options of `connectTabs`: those of `connect`, and a storage that all tabs share by its name. */
export interface TabsOptions extends ConnectOptions {
  /** Such as `IndexedDbStorage`. Give each user on this browser a name of its own. */
  storage: Storage & { readonly name: string };
}
