import { MAX_RECEIVERS_CEILING } from '#libs/protocol/limits.ts';
import { decimal, integer } from '#libs/runtime/config.ts';

/** Limits of one session. */
export const sessionConfig = {
  MAX_PACKET_BYTES: integer(65_536, 256, 4 * 1024 * 1024).meta({
    unit: 'bytes of UTF-8',
    description: 'Largest packet. A larger frame closes the connection with 1009. Told as `maxPacketBytes`.',
  }),
  RATE_LIMIT_PER_S: decimal(100).meta({
    unit: 'packets/s',
    description:
      'Packets above it get `error` `rate_limited`. Answers to what the session was sent do not count. Told as `ratePerS`.',
  }),
  RATE_BURST: integer(200).meta({
    unit: 'packets',
    description: 'Size of the token bucket. More refused packets than this within 10 s close with 4429.',
  }),
  MAX_RECEIVERS: integer(100, 1, MAX_RECEIVERS_CEILING).meta({
    unit: 'users',
    description: 'Most receivers of one `msg:R`; a longer list is `bad_packet`. Told as `maxReceivers`.',
  }),
  MAX_SIGNAL_BYTES: integer(1_024, 1, 65_536).meta({
    unit: 'bytes of UTF-8',
    description: 'Largest `body` of a `signal:R`, as JSON; a larger one is `bad_packet`.',
  }),
  SEND_WINDOW: integer(128).meta({
    unit: 'messages',
    description:
      'Most `msg:R` without their `msg:A`; further ones get `error` `window_full`. Told as `sendWindow`.',
  }),
  CONFIRM_TIMEOUT_MS: integer(2_000, 10).meta({
    unit: 'ms',
    description: 'Longest publisher confirm; then the request gets `error` `unavailable`.',
  }),
  RECEIVE_WINDOW: integer(128).meta({
    unit: 'messages',
    description:
      'Most `msg:N` without their `ack:R`; further ones wait in the session. Told as `receiveWindow`.',
  }),
  // Room for the backlog of a routing failover, so that it keeps its order; MAX_UNSETTLED_BYTES bounds all sessions.
  SESSION_QUEUE: integer(10_000, 0).meta({
    unit: 'messages',
    description:
      'Most messages that wait in the session; further ones go to the mailbox (`stored` for the sender, a hint for the ' +
      'receiver).',
  }),
  ACK_TIMEOUT_MS: integer(10_000, 50).meta({
    unit: 'ms',
    description:
      'When the oldest `msg:N` is unanswered for this long, all messages of the session go to the mailbox. Told as ' +
      '`ackTimeoutMs`.',
  }),
  MAX_SEND_BUFFER_BYTES: integer(1024 * 1024, 1_024).meta({
    unit: 'bytes',
    description:
      'Send buffer. Messages may fill a quarter of it, then they wait in the session. Close 4413 (`slow_consumer`) when ' +
      'it overflows, or when buffer and waiting messages exceed it together and the client reads nothing for 3 s; its ' +
      'messages go to the mailbox.',
  }),
  PING_INTERVAL_MS: integer(25_000, 100).meta({
    unit: 'ms',
    description:
      'Interval of WebSocket pings. A socket that was silent for two intervals is terminated, without a close frame.',
  }),
};
