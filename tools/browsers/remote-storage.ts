import type { Change, Durability, MessageName, Storage, Stored } from '#libs/client/index.ts';
import type { PageHandle } from './page-handle.ts';
import type { PageStorage, StorageMethod } from './page/api.ts';

/** A storage in a page, for a test that is not: the contract of storages runs against it. */
export class RemoteStorage implements Storage {
  readonly #page: PageHandle;
  readonly #n: number;

  private constructor(page: PageHandle, n: number) {
    this.#page = page;
    this.#n = n;
  }

  /** Makes a storage, and does not load it. */
  static async make(page: PageHandle, kind: PageStorage, name: string): Promise<RemoteStorage> {
    return new RemoteStorage(page, await page.call('openStorage', kind, name));
  }

  load(): Promise<Stored> {
    return this.#call('load') as Promise<Stored>;
  }

  async write(changes: readonly Change[], durability: Durability): Promise<void> {
    await this.#call('write', changes, durability);
  }

  seen(names: readonly MessageName[]): Promise<boolean[]> {
    return this.#call('seen', names) as Promise<boolean[]>;
  }

  async trimSeen(keep: { count: number; since: number; now?: number }): Promise<void> {
    await this.#call('trimSeen', keep);
  }

  async close(): Promise<void> {
    await this.#call('close');
  }

  #call(method: StorageMethod, ...args: unknown[]): Promise<unknown> {
    return this.#page.call('storage', this.#n, method, args);
  }
}
