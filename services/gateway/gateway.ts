import type { LiveMessage, LiveReceipt, ReturnReason, Settled } from '#libs/broker/entries.ts';
import { encode } from '#libs/protocol/encode.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Identity, Verify } from './auth.ts';
import type { Authorizer } from './authorize/authorizer.ts';
import type { GatewayConfig } from './config.ts';
import type { ConnectionOwner } from './connection.ts';
import { Admission } from './admission/admission.ts';
import { Questions } from './http/questions.ts';
import { TokenChecks } from './http/token-checks.ts';
import type { Incarnation } from './incarnation.ts';
import { requestPage } from './handlers/offline.ts';
import { receivePacket } from './packets.ts';
import type { Publishers } from './publishers.ts';
import { reportOf } from './report.ts';
import { type ClientConnection, Session } from './session.ts';
import { createReceiptProofs, type ReceiptProofs } from './receipt-proofs.ts';
import type { SessionBackend } from './session-backend.ts';
import type { Signals } from './signals.ts';

export interface GatewayParts {
  config: GatewayConfig;
  verify: Verify;
  /** Undefined: only `can_send` of the tokens restricts receivers. */
  authorizer: Authorizer | undefined;
  publishers: Publishers;
  signals: Pick<Signals, 'send'>;
  incarnation: Incarnation;
  log: Logger;
}

const LOGOUT_A = encode({ type: 'logout:A' });

/** A failed announcement to presence is repeated after this long, milliseconds. */
const ANNOUNCE_RETRY_MS = 500;

/** The connections and sessions of this process, and the publishers that the packet handlers use. */
export class Gateway implements ConnectionOwner<Session> {
  readonly config: GatewayConfig;
  readonly verify: Verify;
  readonly authorizer: Authorizer | undefined;
  readonly publishers: Publishers;
  readonly signals: Pick<Signals, 'send'>;
  readonly incarnation: Incarnation;
  readonly proofs: ReceiptProofs;
  readonly log: Logger;
  readonly admission: Admission;
  /** What requests over HTTP ask of routing. */
  readonly questions: Questions;
  readonly tokens: TokenChecks;
  readonly connections = new Set<ClientConnection>();
  /** Logged in, or about to be, by session id. */
  readonly sessions = new Map<string, Session>();
  readonly #backend: SessionBackend;
  /** Presence has forgotten the sessions; they end when nothing is in flight. */
  draining = false;
  /** Time of the latest login; each has its own. */
  #lastSince = 0;

  constructor({ config, verify, authorizer, publishers, signals, incarnation, log }: GatewayParts) {
    this.config = config;
    this.verify = verify;
    this.authorizer = authorizer;
    this.publishers = publishers;
    this.signals = signals;
    this.incarnation = incarnation;
    this.proofs = createReceiptProofs(config, log);
    this.log = log;
    this.admission = new Admission(config);
    this.questions = new Questions(this);
    this.tokens = new TokenChecks(this.questions);
    this.#backend = {
      returnToMailbox: this.returnToMailbox,
      requestPage: requestPage(this),
      proofs: this.proofs,
    };
  }

  /** Admits a new connection, or closes it. */
  opened(connection: ClientConnection): void {
    if (this.admission.admit(connection)) this.connections.add(connection);
    else connection.close('overloaded');
  }

  receive(connection: ClientConnection, text: string): Promise<void> | undefined {
    return receivePacket(this, connection, text);
  }

  /** The time of a new login: later than every login this gateway knows. */
  nextSince(): number {
    this.#lastSince = Math.max(Date.now(), this.#lastSince + 1);
    return this.#lastSince;
  }

  openSession(identity: Identity, device: string, connection: ClientConnection, since: number): Session {
    const session = new Session(identity, device, since, connection, this.config, this.#backend);
    this.sessions.set(session.id, session);
    connection.session = session;
    return session;
  }

  /** Presence knows a login at that time: logins from now on are later, whatever this gateway's clock says. */
  noteLogin(since: number): void {
    this.#lastSince = Math.max(this.#lastSince, since);
  }

  /** Ends a session: presence forgets it, and its messages return to the mailbox. */
  closeSession(session: Session, reason: ReturnReason): void {
    if (!this.sessions.delete(session.id)) return;
    this.withdraw(session);
    session.close(reason);
    session.onRegistered?.('failed');
    this.log.debug({ session: session.id, user: session.user, reason }, 'session closed');
  }

  /**
   * Announces the session to presence: once for a login (whose client learns of a failure), or `again` until it succeeds.
   *
   * @param iat when the token was issued that is in question
   */
  announce(session: Session, again: boolean, iat = session.issuedAt): void {
    if (again && this.draining) return;
    const { user, device, id, since } = session;
    const sync = session.sync && !again;
    const { name: gateway } = this.incarnation;
    session.announcedAt = performance.now();
    this.publishers.route(
      user,
      { kind: 'session-up', user, device, session: id, gateway, since, iat, again, ...(sync && { sync }) },
      {
        settled: (error) => {
          if (!error) return;
          if (session.onRegistered) session.onRegistered('failed');
          else setTimeout(() => this.#announceAgain(session, gateway), ANNOUNCE_RETRY_MS).unref();
        },
      },
    );
  }

  /** A later incarnation announces all its sessions by itself. */
  #announceAgain(session: Session, gateway: string): void {
    if (this.sessions.has(session.id) && this.incarnation.name === gateway) this.announce(session, true);
  }

  /** Removes the session from presence. If this gets lost, the next returned message does it. */
  withdraw(session: Session): void {
    const { user, id } = session;
    session.aloneAt = undefined; // from here on, a session that joins it does not see it
    this.publishers.route(user, { kind: 'session-down', user, session: id });
  }

  /** An operator disconnects the session: its client sees the same as when a gateway drains (PROTOCOL: bye). */
  disconnect(session: Session): void {
    const { connection, id, user } = session;
    this.log.info({ session: id, user }, 'disconnected by an operator');
    connection.bye('draining', Math.round(Math.random() * this.config.DRAIN_SPREAD_MS));
    this.closeSession(session, 'disconnected');
    connection.leave('draining');
  }

  /** The session's device is no longer a synced one. */
  loggedOut(session: Session): void {
    const { connection } = session;
    connection.send('logout:A', LOGOUT_A);
    this.closeSession(session, 'disconnected');
    connection.finish();
  }

  /** An operator ended the user's sessions: the client must not come back with this token (PROTOCOL: revoked). */
  revoke(session: Session): void {
    const { connection, id, user } = session;
    this.log.info({ session: id, user }, 'revoked by an operator');
    connection.bye('revoked');
    this.closeSession(session, 'disconnected');
    connection.leave('revoked');
  }

  /** Reports slow sessions to an operator. The report is dropped when the operator no longer waits for it. */
  report(to: string, most: number): void {
    this.publishers.report(to, reportOf(this.incarnation.name, this.sessions.values(), most));
  }

  closed(connection: ClientConnection): void {
    this.connections.delete(connection);
    this.admission.release(connection);
    if (connection.session) this.closeSession(connection.session, 'disconnected');
  }

  /** A copy that is not here any more was confirmed elsewhere: whoever stores it must know. */
  readonly returnSettled = (entry: Settled, pending: Pending): void => {
    this.publishers.returned.add(JSON.stringify(entry), pending);
  };

  /** Publishes an undeliverable entry to `sixfold.returned`; the broker's delivery waits for the confirm. */
  readonly returnToMailbox = (
    entry: LiveMessage | LiveReceipt,
    reason: ReturnReason,
    pending: Pending,
  ): void => {
    const from = entry.kind === 'message' ? entry.from : entry.user;
    trace('returned', from, entry.id, { kind: entry.kind, session: entry.session, reason });
    this.publishers.returned.add(JSON.stringify({ ...entry, returned: reason }), pending);
  };
}
