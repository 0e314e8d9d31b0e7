import type { OfflineN } from '../../protocol/packets.ts';

/** A message to send. */
export interface NewMessage {
  /** The receiver, or several different ones. */
  to: string | readonly string[];
  /** Any JSON value. */
  body: unknown;
  /** Names the message; default: a new id. Sent again with the same id, it is the same message. */
  id?: string | undefined;
  /** The sending user: needed with a service token. */
  from?: string | undefined;
  /** The sender's own counter; receivers sort by it and see gaps. */
  seq?: number | undefined;
  /** Names a conversation; comes with the message. */
  thread?: string | undefined;
  /** After as many seconds, 1 to 2,592,000, the message is of no use, and is not delivered any more. */
  ttl?: number | undefined;
  /** Asks for a read receipt. */
  read?: boolean | undefined;
}

/** The server has the message, and is responsible for it. */
export interface Accepted {
  /** The id of the message. */
  id: string;
  /** When it was accepted: milliseconds since the Unix epoch on the server's clock. */
  at: number;
}

/** The server has not accepted the message. */
export interface NotAccepted {
  /** The id of the message. */
  id: string;
  /** Why, with a code as in {@link HttpError}. */
  error: { code: string; message: string };
}

/** What became of one message of a batch. */
export type BatchResult = Accepted | NotAccepted;

/** Whose mailbox: `user` is needed with a service token; `device` names a synced device. */
export interface MailboxOf {
  /** The user; default: the one of the token. */
  user?: string | undefined;
  /** A synced device of the user; default: the mailbox of the user. */
  device?: string | undefined;
}

/** Messages and receipts that wait, oldest first. Confirm their keys; then the next page comes. */
export type MailboxPage = Omit<OfflineN, 'type'>;

/** A message that a user has seen; `read` came with it. */
export interface ReadItem {
  /** The sender of the message. */
  from: string;
  /** The id of the message. */
  id: string;
  /** The proof that came with the message. */
  read: string;
}

/** Where a user is connected now: a hint, never a promise. */
export interface Presence {
  /** Whether a device of the user is connected. */
  online: boolean;
  /** The connected devices; `since` in milliseconds since the Unix epoch, `sync`: a synced device. */
  devices: { device: string; since: number; sync: boolean }[];
}

/** A synced device of a user. */
export interface Device {
  /** Its id. */
  device: string;
  /** Its first login, milliseconds since the Unix epoch. */
  since: number;
}
