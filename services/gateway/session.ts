import { randomUUID } from 'node:crypto';
import { TokenBucket } from 'limiter';
import type { LiveMessage, LiveReceipt, ReturnReason, Target } from '#libs/broker/entries.ts';
import type { ErrorCode } from '#libs/protocol/codes.ts';
import type { Re } from '#libs/protocol/decode.ts';
import { ackN, msgA, msgN } from '#libs/protocol/encode.ts';
import { MAX_PULL } from '#libs/protocol/limits.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Identity } from './auth.ts';
import type { CanSend } from './authorize/can-send.ts';
import { DecisionQueue } from './authorize/decision-queue.ts';
import type { GatewayConfig } from './config.ts';
import type { Connection } from './connection.ts';
import { EarlyReceipts } from './early-receipts.ts';
import { ExpectedAnswers } from './expected-answers.ts';
import type { MessageAnswer, MessageSender } from './handlers/message-sender.ts';
import { MailboxRequests, type MailboxRequestsOwner } from './mailbox-requests.ts';
import { type InFlight } from './in-flight.ts';
import { ReceiveWindow, type WindowOwner } from './receive-window.ts';
import type { PageRequest, SessionBackend } from './session-backend.ts';

/**
 * What came of announcing a session: in presence; somebody logged in later; the user has too many sessions; its token
 * is revoked; not known, or its connection is gone.
 */
export type Registration = 'registered' | 'late' | 'full' | 'too_many_devices' | 'revoked' | 'failed';

/** Length of the message bodies that may wait in one session, UTF-16 units: one user's share of what a gateway holds. */
const QUEUE_BYTES = 8 * 1024 * 1024;

/** A connection that a session may be on. */
export type ClientConnection = Connection<Session>;

/** One user on one device on one connection: what the gateway knows about it. */
export class Session implements WindowOwner, MailboxRequestsOwner, MessageSender, MessageAnswer {
  readonly id = randomUUID();
  readonly user: string;
  readonly device: string;
  readonly connection: ClientConnection;
  /** When it logged in, milliseconds since the epoch; orders the sessions of one user and device. */
  readonly since: number;
  readonly window: ReceiveWindow;
  readonly earlyReceipts: EarlyReceipts;
  /** When it was last announced, milliseconds of performance.now(). */
  announcedAt = -Infinity;
  #registered = false;
  /** The connection is closed or closing. */
  closed = false;
  /** As the latest token says. */
  expiresAt: number;
  canSend: CanSend | undefined;
  issuedAt: number | undefined;
  /** Waits for presence to know the session. */
  onRegistered: ((outcome: Registration) => void) | undefined;
  /** Messages that wait for a decision about a list. */
  readonly decisions = new DecisionQueue();
  /** msg:R without their msg:A. */
  pendingMessages = 0;
  /** Text of lists among them, UTF-16 units: body times receivers. */
  pendingListText = 0;
  /** The device is a synced one, or is to become one with this login. */
  synced = false;
  sync = false;
  /** The incarnation in which routing found it to be its user's only session, as long as no other one has joined it. */
  aloneAt: string | undefined;
  isJoined = false;
  /** A hint was sent, and no offline:R came since. */
  hinted = false;
  /** Messages that it was sent, and mailbox keys: answers to them are not rate limited. */
  readonly expectedAcks: ExpectedAnswers;
  readonly expectedKeys = new ExpectedAnswers(MAX_PULL);
  readonly mailboxRequests = new MailboxRequests(this);
  readonly #bucket: TokenBucket;
  readonly #backend: SessionBackend;
  #refused = 0;
  #refusedSince = 0;
  #lastAt = 0;

  constructor(
    identity: Identity,
    device: string,
    since: number,
    connection: ClientConnection,
    config: GatewayConfig,
    backend: SessionBackend,
  ) {
    this.user = identity.user;
    this.since = since;
    this.expiresAt = identity.expiresAt;
    this.canSend = identity.canSend;
    this.issuedAt = identity.issuedAt;
    this.device = device;
    this.expectedAcks = new ExpectedAnswers(config.RECEIVE_WINDOW);
    this.connection = connection;
    this.#backend = backend;
    this.window = new ReceiveWindow(
      {
        receiveWindow: config.RECEIVE_WINDOW,
        queue: config.SESSION_QUEUE,
        queueBytes: QUEUE_BYTES,
      },
      this,
    );
    this.earlyReceipts = new EarlyReceipts(backend.returnToMailbox);
    this.#bucket = new TokenBucket({
      bucketSize: config.RATE_BURST,
      tokensPerInterval: config.RATE_LIMIT_PER_S,
      interval: 1_000,
    });
    this.#bucket.content = config.RATE_BURST;
  }

  /** A fresh token of the same user's came. */
  renew({ expiresAt, canSend, issuedAt }: Identity): void {
    this.expiresAt = expiresAt;
    this.canSend = canSend;
    this.issuedAt = issuedAt;
  }

  /** The server's clock, strictly increasing within the session (PROTOCOL: `at`). */
  nextAt(now = Date.now()): number {
    this.#lastAt = Math.max(now, this.#lastAt + 1);
    return this.#lastAt;
  }

  /**
   * Takes the tokens for a packet, at most all that may be saved up. `limited`: too few are left. `persists`: and the
   * client has been going on for long.
   */
  charge(tokens = 1, now = Date.now()): 'ok' | 'limited' | 'persists' {
    if (this.#bucket.tryRemoveTokens(Math.min(tokens, this.#bucket.bucketSize))) return 'ok';
    if (now - this.#refusedSince > REFUSED_WINDOW_MS) {
      this.#refused = 0;
      this.#refusedSince = now;
    }
    return ++this.#refused > this.#bucket.bucketSize ? 'persists' : 'limited';
  }

  /** Receipts go there live; what it sends goes to the user's other synced devices. */
  get origin(): string | undefined {
    return this.synced ? this.device : undefined;
  }

  /** Set only where the user has no other session and no other synced device: then nobody else needs the receipts. */
  get reply(): Target | undefined {
    return this.aloneAt === undefined ? undefined : { gateway: this.aloneAt, session: this.id };
  }

  /** Another session of the user is registered; until the session is announced anew, nothing takes that back. */
  joined(): void {
    this.aloneAt = undefined;
    this.isJoined = true;
  }

  get copiesSent(): boolean {
    return this.synced;
  }

  accepted(id: string, at: number): void {
    this.connection.send('msg:A', msgA(id, at));
  }

  refused(code: ErrorCode, message: string, re: Re): void {
    this.connection.error(code, message, re);
  }

  /** Presence knows it, and login:A was sent. */
  get registered(): boolean {
    return this.#registered;
  }

  /** login:A was sent: earlier receipts and messages follow. */
  begin(): void {
    this.#registered = true;
    this.earlyReceipts.release((receipt) => this.notify(receipt));
    this.window.pump();
  }

  /** Nothing but login:A, error and bye may come before login:A: messages wait (PROTOCOL: login:A). */
  get writable(): boolean {
    return this.#registered && this.connection.writable;
  }

  notify(receipt: LiveReceipt): void {
    const { user, id, state, traceparent } = receipt;
    trace('ack:N', user, id, { session: this.id, state });
    nextSpan('notify', traceparent, user, id)?.end(state);
    this.connection.send('ack:N', ackN(receipt));
  }

  deliver(message: LiveMessage, key: string): void {
    const { id, from, body, at, seq, thread, sentTo } = message;
    trace('msg:N', from, id, { to: this.user, session: this.id });
    this.expectedAcks.sent(key);
    const read = this.proofOf(message);
    this.connection.send('msg:N', msgN({ id, from, bodyText: body, at, seq, thread, read, sentTo }));
  }

  /** What the client sends in read:R, if the sender asked for it. */
  proofOf({ from, id, read }: Pick<LiveMessage, 'from' | 'id' | 'read'>): string | undefined {
    return read && this.#backend.proofs.prove(from, id, this.user);
  }

  returnToMailbox(message: LiveMessage, reason: ReturnReason, inFlight: InFlight): void {
    this.#backend.returnToMailbox(message, reason, inFlight);
  }

  requestPage(request: PageRequest, pending: Pending): void {
    this.#backend.requestPage(this, request, pending);
  }

  unavailable(): void {
    mailboxUnavailable(this, 'offline:R');
  }

  /** Returns unconfirmed messages and receipts to the mailbox. */
  returnAll(reason: ReturnReason): void {
    this.earlyReceipts.returnToMailbox(reason);
    this.window.returnToMailbox(reason);
  }

  /** The broker has requeued all deliveries. */
  clear(): void {
    this.earlyReceipts.clear();
    this.window.clear();
  }

  /** Nothing reaches this client any more. */
  close(reason: ReturnReason): void {
    this.closed = true;
    this.returnAll(reason);
  }
}

/** More refused packets than the burst within this time, and the connection is closed (PROTOCOL: rate_limited). */
const REFUSED_WINDOW_MS = 10_000;

/** The request or its answer was lost; the client may ask again. */
export function mailboxUnavailable(
  { connection }: Session,
  type: 'offline:R' | 'offline:A' | 'logout:R',
): void {
  connection.error('unavailable', 'the mailbox cannot be reached now', { type });
}
