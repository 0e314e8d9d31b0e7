import type { StoredMessage } from './messages.ts';

/** A message for a user with synced devices, and where its copies are. */
export interface CopiedMessage extends StoredMessage {
  /** `to` as sent, as JSON: what another device of the user sent. Nobody is told of its fate. */
  sentTo?: string | undefined;
  /** A copy for each synced device but these; undefined: only for `devices`. */
  allBut?: readonly string[] | undefined;
  /** The user's synced devices, as far as is known: whose room may be remembered. */
  known?: readonly string[];
  /** Devices whose live copy came back. */
  devices?: readonly { device: string; beyondQuota: boolean; overdue: boolean }[];
  /** Its time is over: no copy is stored, and the devices are told that they missed it, if it lives on elsewhere. */
  overdue?: boolean;
  /** Sessions that live copies went to, and those of them whose copy came back. */
  live: readonly string[];
  back: readonly string[];
  /** A device has confirmed it. */
  confirmed?: boolean;
}
