import type { Target } from '#libs/broker/entries.ts';
import type { ErrorCode } from '#libs/protocol/codes.ts';
import type { Re } from '#libs/protocol/decode.ts';
import type { Sender } from '../authorize/receivers.ts';

/** Sends messages: a session, or a request over HTTP. */
export interface MessageSender extends Sender {
  /** In traces. */
  readonly id: string;
  /** It is gone: what is not published yet, is not published. */
  readonly closed: boolean;
  /** The synced device that sends; '' over HTTP. */
  readonly origin: string | undefined;
  /** Where receipts go without a look at presence, if that is known. */
  readonly reply: Target | undefined;
  /** Whether the user's synced devices (other than `origin`) get a copy. */
  readonly copiesSent: boolean;
  /** Messages without their answer, and the text of lists among them, UTF-16 units: body times receivers. */
  pendingMessages: number;
  pendingListText: number;
  /** The server's clock, strictly increasing (PROTOCOL: `at`). */
  nextAt(): number;
}

/** Takes the one answer to a message. */
export interface MessageAnswer {
  /** All that the message became is durable. */
  accepted(id: string, at: number): void;
  refused(code: ErrorCode, message: string, re: Re): void;
}
