/**
 * Keeps the state of a client between two runs of the program. One storage belongs to one user on one device, and serves
 * one client at a time; that client closes it.
 *
 * The interface is small and made of batches, so that it suits a log-structured store (LevelDB) as well as IndexedDB:
 * one `write` is one atomic batch or transaction, with `relaxed` or `strict` durability.
 */
export interface Storage {
  /**
   * Opens the storage if needed. Called once, before anything else.
   *
   * @param lost to be called when the storage was taken away while it was open (the browser deleted it, a newer version of
   *   the library changed it): the client then closes with the reason `storage`
   * @returns the state that the last run left
   */
  load(lost?: (cause: unknown) => void): Promise<Stored>;

  /**
   * Applies all changes, in order, or none. Calls never overlap and take effect in their order. A failed write must not
   * harm a later one: a write that resolves is as durable as `durability` says.
   *
   * @param durability when it resolves, `strict`: on disk, survives a power cut; `relaxed`: survives the end of this
   *   process, however sudden
   */
  write(changes: readonly Change[], durability: Durability): Promise<void>;

  /** For each name: is it in the seen set? May overlap with `write` and `trimSeen`. */
  seen(names: readonly MessageName[]): Promise<boolean[]>;

  /**
   * Forgets seen names that are neither among the last `count` added nor added (`seenAt`) since `since`. One that says
   * it was added after `now` was written while the clock was wrong: it counts as added now.
   */
  trimSeen(keep: { count: number; since: number; now?: number }): Promise<void>;

  /** Closes files and connections. A durable storage can be loaded again afterwards. */
  close(): Promise<void>;
}

/** The name of a message: the pair of its sender and the id that the sender chose. */
export interface MessageName {
  /** The user who sent the message. */
  readonly from: string;
  /** Chosen by the sender. */
  readonly id: string;
}

/** What a write survives: see {@link Storage.write}. */
export type Durability = 'strict' | 'relaxed';

/** The state in a storage when it is loaded. */
export interface Stored {
  /** The user that this storage belongs to, once one has logged in with it. */
  readonly owner?: string;
  /** In the order of `n`. */
  readonly outbox: readonly StoredOutgoing[];
  /** In the order of `n`. */
  readonly inbox: readonly StoredIncoming[];
  /** Marks of `markRead` that the server has not answered. A storage of an earlier version lacks them. */
  readonly reads?: readonly StoredRead[];
}

/** A mark of `markRead`: a read:R whose read:A has not come. */
export interface StoredRead extends MessageName {
  /** The proof that came with the message. */
  readonly read: string;
}

/** An outbox entry: a msg:R that lacks an ack:N. */
export interface StoredOutgoing {
  /** Position in the outbox; entries are sent in this order. */
  readonly n: number;
  /** Unique in the outbox. */
  readonly id: string;
  /** The user that it is for, or several. */
  readonly to: string | readonly string[];
  /** The body as JSON text: the client sends the same text again, also after the object changed. */
  readonly bodyText: string;
  /** The application's own counter, where it gave one. */
  readonly seq?: number | undefined;
  /** The conversation, where it gave one. */
  readonly thread?: string | undefined;
  /** Of no use after as many seconds. */
  readonly ttl?: number | undefined;
  /** It asks for a read receipt. */
  readonly read?: true | undefined;
  /** When the caller gives up, milliseconds since the epoch. */
  readonly deadlineAt?: number | undefined;
  /** How long before that it was sent, milliseconds: the clock may have been wrong then. */
  readonly deadlineMs?: number | undefined;
  /** The server's time of its msg:A, once that came. */
  readonly acceptedAt?: number | undefined;
  /** The newest receipt of each receiver that has one, while others have none. Only with several receivers. */
  readonly receipts?: readonly StoredReceipt[] | undefined;
}

/** What became of an outbox entry at one of its receivers. */
export interface StoredReceipt {
  /** The receiver. */
  readonly to: string;
  /** As in ack:N. */
  readonly state: 'stored' | 'delivered' | 'rejected' | 'read';
  /** The server's time of it. */
  readonly at: number;
  /** Why it is `rejected`. */
  readonly reason?: string | undefined;
}

/** A message that was received and has not been through the application's handler. */
export interface StoredIncoming extends MessageName {
  /** Order of arrival. */
  readonly n: number;
  /** Any JSON value. */
  readonly body: unknown;
  /** The server's time of the message, milliseconds since the Unix epoch. */
  readonly at: number;
  /** The sender's own counter, where it gave one. */
  readonly seq?: number;
  /** The conversation, where the sender named one. */
  readonly thread?: string;
  /** The proof for a read receipt, where the sender asked for one. */
  readonly read?: string;
  /** The receivers, where another device of this user sent it. */
  readonly to?: string | readonly string[];
  /** Another device of this user sent it. */
  readonly own?: true;
}

/** One step of a write. */
export type Change =
  | { readonly do: 'owner.set'; readonly user: string }
  | { readonly do: 'outbox.put'; readonly entry: StoredOutgoing }
  | { readonly do: 'outbox.accepted'; readonly n: number; readonly at: number }
  /** Replaces an earlier receipt of the same receiver. Of an entry that is not there, it changes nothing. */
  | { readonly do: 'outbox.receipt'; readonly n: number; readonly receipt: StoredReceipt }
  | { readonly do: 'outbox.delete'; readonly n: number }
  | { readonly do: 'inbox.put'; readonly entry: StoredIncoming }
  | { readonly do: 'inbox.delete'; readonly n: number }
  /** Replaces a mark of the same message. */
  | { readonly do: 'read.put'; readonly item: StoredRead }
  | { readonly do: 'read.delete'; readonly from: string; readonly id: string }
  /** Forgets everything, also the owner and the seen set: this device is signed out. */
  | { readonly do: 'clear' }
  /** Adding a name again changes nothing. */
  | { readonly do: 'seen.add'; readonly from: string; readonly id: string; readonly seenAt: number };
