import type { ErrorCode } from '#libs/protocol/codes.ts';
import { decodeMessage, type Re } from '#libs/protocol/decode.ts';
import { MAX_LIST_TEXT, msgR } from '../handlers/msg.ts';
import { errorsTotal, packetsIn } from '../metrics.ts';
import { tokensFor } from '../rate-limit.ts';
import { utf8 } from './body.ts';
import { actingUser } from './caller.ts';
import type { Call } from './endpoint.ts';
import { HttpSender, HttpSession } from './http-sender.ts';
import { Problem } from './problems.ts';

/** Lines that count as one packet for the rate. */
const LINES_PER_TOKEN = 10;

/** The answer to one line. */
export type LineAnswer =
  { id: string; at: number } | { id?: string; error: { code: ErrorCode; message: string; re?: Re } };

type OnAnswer = (answer: LineAnswer) => void;

/**
 * What becomes of the lines of one batch: one session for order and `at`.
 *
 * A line that may be sent again (`unavailable`, `rate_limited`) stops the batch: those behind it get the same code, so that a
 * message which is sent again overtakes nothing.
 */
export class BatchLines {
  readonly #call: Call;
  readonly #session = new HttpSession();
  readonly #senders = new Map<string, HttpSender>();
  #weight = 0;
  /** Tokens that were taken from the bucket; the router took the first. */
  #charged = 1;
  #stopped: { code: ErrorCode; message: string } | undefined;

  constructor(call: Call) {
    this.#call = call;
  }

  /** Whether a line of this size may be handled now: not too many wait for the broker, nor too much text of lists. */
  hasRoom(bytes: number): boolean {
    const { SEND_WINDOW, MAX_RECEIVERS } = this.#call.gateway.config;
    const { pendingMessages, pendingListText: pending } = this.#session;
    return (
      pendingMessages < SEND_WINDOW && (pending === 0 || pending + bytes * MAX_RECEIVERS <= MAX_LIST_TEXT)
    );
  }

  /** The client is gone: what is not published yet, is not published. */
  close(): void {
    this.#session.closed = true;
  }

  /** @param line undefined: it was too long */
  handle(line: Buffer | undefined, onAnswer: OnAnswer): void {
    try {
      this.#send(textOf(line), onAnswer);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      packetsIn.unreadable.inc();
      this.#charge(1);
      refuse(onAnswer, error);
    }
  }

  #send(text: string, onAnswer: OnAnswer): void {
    const { gateway, caller } = this.#call;
    const read = decodeMessage(text);
    packetsIn[read.fault ? 'unreadable' : 'msg:R'].inc();
    if (read.fault) {
      this.#charge(1);
      refuse(onAnswer, { code: 'bad_packet', message: read.fault.message, re: read.fault.re });
      return;
    }
    const { packet, from } = read;
    const re = { type: 'msg:R', id: packet.id };
    if (!this.#charge(tokensFor(packet.to)))
      this.#stopped ??= { code: 'rate_limited', message: 'too many messages of this token subject' };
    if (this.#stopped) {
      refuse(onAnswer, { ...this.#stopped, re });
      return;
    }
    try {
      const sender = this.#sender(actingUser(caller, from, 'send', 'from'));
      msgR(gateway, sender, packet, {
        accepted: (id, at) => onAnswer({ id, at }),
        refused: (code, message, re) => {
          if (code === 'unavailable')
            this.#stopped ??= { code, message: 'an earlier message was not accepted; send this again, too' };
          refuse(onAnswer, { code, message, re });
        },
      });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      refuse(onAnswer, { code: error.code, message: error.message, re });
    }
  }

  #sender(user: string): HttpSender {
    let sender = this.#senders.get(user);
    if (!sender) {
      sender = new HttpSender(user, this.#call.caller.canSend, this.#session);
      this.#senders.set(user, sender);
    }
    return sender;
  }

  #charge(packets: number): boolean {
    const { rates, caller } = this.#call;
    const due = Math.ceil((this.#weight + packets) / LINES_PER_TOKEN) - this.#charged;
    if (due > 0 && !rates.charge(caller, due)) return false;
    this.#weight += packets;
    this.#charged += Math.max(0, due);
    return true;
  }
}

/** @throws Problem */
function textOf(line: Buffer | undefined): string {
  if (!line) throw new Problem(413, 'bad_packet', 'the line is too long');
  return utf8(line);
}

/** `re` names those of a list who are refused; the line has the id already. */
function refuse(
  onAnswer: OnAnswer,
  { code, message, re }: { code: ErrorCode; message: string; re?: Re | undefined },
): void {
  errorsTotal.inc({ code });
  const error = { code, message, ...(re?.to && { re }) };
  onAnswer({ ...(re?.id !== undefined && { id: re.id }), error });
}
