/** Limits of the wire format that no setting changes. What an operator may set stands in each service's config. */

/** Deepest nesting of arrays and objects in a `body`; `[]` counts as 1. */
export const MAX_BODY_DEPTH = 100;

/** Most entries (messages and receipts together) of one `offline:R`, and most keys of one `offline:A`. */
export const MAX_PULL = 500;

/** The `limit` of an `offline:R` that names none. */
export const DEFAULT_PULL = 100;

/** An `offline:N` of several entries stops before this many bytes and sets `more`. */
export const MAX_OFFLINE_BYTES = 256 * 1024;

/** Longest `key` of a mailbox entry, in characters. */
export const MAX_KEY_LENGTH = 64;

/** Most users that one packet may name in `to`, whatever `MAX_RECEIVERS` allows. */
export const MAX_RECEIVERS_CEILING = 1_000;

/** Longest life of a message that a sender may ask for (`ttl`), seconds: 30 days. */
export const MAX_TTL_S = 2_592_000;

/** Most messages that one `read:R` may name. */
export const MAX_READ_ITEMS = 100;

/** Most users that one question about presence may name. */
export const MAX_PRESENCE_USERS = 100;

/** Longest proof in `read`, in characters. */
export const MAX_PROOF_LENGTH = 64;

/** This many `bad_packet` on one connection close it. */
export const MAX_BAD_PACKETS = 5;

/** The WebSocket subprotocol a client may offer. */
export const SUBPROTOCOL = 'sixfold.v1';
