/** May the client send the same packet (or connect) again? `reconnect`: yes, on a new connection. */
export type Retry = 'no' | 'yes' | 'later' | 'reconnect';

export interface CodeRule {
  /** How the code reaches the client, apart from the close: an `error` packet, a `bye`, or the close alone. */
  readonly as: 'error' | 'bye' | 'close';
  /** WebSocket close code, where the connection may end with it. */
  readonly close?: number;
  readonly retry: Retry;
  readonly meaning: string;
}

/** Every code that a client can see. A code is never reused for something else. */
export const CODES = {
  bad_packet: {
    as: 'error',
    close: 4400,
    retry: 'no',
    meaning: 'not JSON, unknown type, or a field missing or off; closes after 5 on one connection',
  },
  not_logged_in: {
    as: 'error',
    close: 4401,
    retry: 'no',
    meaning: 'anything but a readable login:R as the first packet',
  },
  unauthorized: {
    as: 'error',
    close: 4401,
    retry: 'no',
    meaning: 'the token is missing, malformed, without exp, expired, or not signed by a trusted key',
  },
  forbidden: { as: 'error', retry: 'no', meaning: 'the sender may not write to this receiver' },
  login_timeout: { as: 'close', close: 4408, retry: 'reconnect', meaning: 'no login:R in time' },
  replaced: { as: 'bye', close: 4409, retry: 'no', meaning: 'the same user and device connected again' },
  rate_limited: {
    as: 'error',
    close: 4429,
    retry: 'later',
    meaning: 'too many packets a second on this session, or logins from one address; closes when it goes on',
  },
  window_full: { as: 'error', retry: 'later', meaning: 'too many msg:R without their msg:A' },
  slow_consumer: {
    as: 'close',
    close: 4413,
    retry: 'reconnect',
    meaning: 'the client does not read; its messages are in the mailbox',
  },
  unavailable: {
    as: 'error',
    retry: 'yes',
    meaning: 'the broker cannot take the packet now, or did not confirm it in time',
  },
  overloaded: {
    as: 'close',
    close: 1013,
    retry: 'later',
    meaning: 'the gateway takes no more connections, or the user has as many sessions as may be',
  },
  too_many_devices: {
    as: 'error',
    close: 4403,
    retry: 'no',
    meaning: 'the user has as many synced devices as may be',
  },
  revoked: {
    as: 'bye',
    close: 4403,
    retry: 'no',
    meaning: "an operator ended this user's sessions and refuses the tokens issued before that",
  },
  draining: { as: 'bye', close: 1012, retry: 'reconnect', meaning: 'deploy or shutdown' },
} as const satisfies Record<string, CodeRule>;

export type Code = keyof typeof CODES;

/** Codes that arrive as an `error` packet. */
export type ErrorCode = { [C in Code]: (typeof CODES)[C]['as'] extends 'error' ? C : never }[Code];

/** Close codes of the WebSocket protocol itself that a gateway uses. */
export const CLOSE_NORMAL = 1000;
export const CLOSE_PROTOCOL_ERROR = 1002;
export const CLOSE_UNSUPPORTED_DATA = 1003;
export const CLOSE_NOT_UTF8 = 1007;
export const CLOSE_TOO_MANY_FRAMES = 1008;
export const CLOSE_TOO_LARGE = 1009;
