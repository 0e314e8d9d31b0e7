import type { LiveMessage, LiveReceipt, ReturnReason } from '#libs/broker/entries.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Identity, Verify } from './auth.ts';
import type { Authorizer } from './authorize/authorizer.ts';
import type { GatewayConfig } from './config.ts';
import type { ConnectionOwner } from './connection.ts';
import { Admission } from './admission/admission.ts';
import type { Incarnation } from './incarnation.ts';
import { requestPage } from './handlers/offline.ts';
import { receivePacket } from './packets.ts';
import type { Publishers } from './publishers.ts';
import { reportOf } from './report.ts';
import { type ClientConnection, Session } from './session.ts';
import type { SessionBackend } from './session-backend.ts';

export interface GatewayParts {
  config: GatewayConfig;
  verify: Verify;
  /** Undefined: the tokens alone say who may write to whom. */
  authorizer: Authorizer | undefined;
  publishers: Publishers;
  incarnation: Incarnation;
  log: Logger;
}

/** A session that presence did not hear of is announced again after this long, milliseconds. */
const ANNOUNCE_RETRY_MS = 500;

/** What the packet handlers work with: the connections and sessions of this process, and the ways to the broker. */
export class Gateway implements ConnectionOwner<Session> {
  readonly config: GatewayConfig;
  readonly verify: Verify;
  readonly authorizer: Authorizer | undefined;
  readonly publishers: Publishers;
  readonly incarnation: Incarnation;
  readonly log: Logger;
  readonly admission: Admission;
  readonly connections = new Set<ClientConnection>();
  /** Logged in, or about to be, by session id. */
  readonly sessions = new Map<string, Session>();
  readonly #backend: SessionBackend;
  /** The sessions were taken out of presence; they end when nothing is in flight. */
  draining = false;
  /** Time of the latest login; each has its own. */
  #lastSince = 0;

  constructor({ config, verify, authorizer, publishers, incarnation, log }: GatewayParts) {
    this.config = config;
    this.verify = verify;
    this.authorizer = authorizer;
    this.publishers = publishers;
    this.incarnation = incarnation;
    this.log = log;
    this.admission = new Admission(config);
    this.#backend = { returnToMailbox: this.returnToMailbox, requestPage: requestPage(this) };
  }

  /** A new connection: takes it in, or closes it. */
  opened(connection: ClientConnection): void {
    if (this.admission.admit(connection)) this.connections.add(connection);
    else connection.close('overloaded');
  }

  receive(connection: ClientConnection, text: string): Promise<void> | undefined {
    return receivePacket(this, connection, text);
  }

  /** The time of a login that comes now: later than all that this gateway knows of. */
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

  /** Presence knows of a login at that time: those from here on come later, whatever this gateway's clock says. */
  noteLogin(since: number): void {
    this.#lastSince = Math.max(this.#lastSince, since);
  }

  /** The session's client is gone, or must go: presence forgets it, and its messages go to the mailbox. */
  closeSession(session: Session, reason: ReturnReason): void {
    if (!this.sessions.delete(session.id)) return;
    this.withdraw(session);
    session.close(reason);
    session.onRegistered?.('failed');
    this.log.debug({ session: session.id, user: session.user, reason }, 'session closed');
  }

  /** Tells presence that the session is here: for a login (its client is told if that fails), or `again`, until it is heard. */
  announce(session: Session, again: boolean): void {
    if (again && this.draining) return;
    const { user, device, id, since } = session;
    const { name: gateway } = this.incarnation;
    session.announcedAt = performance.now();
    this.publishers.route(
      user,
      { kind: 'session-up', user, device, session: id, gateway, since, again },
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

  /** Tells presence that nothing more should come here. Lost, the next message that comes back tells it. */
  withdraw({ user, id }: Session): void {
    this.publishers.route(user, { kind: 'session-down', user, session: id });
  }

  /** An operator wants it to connect anew: to its client the same as a gateway that drains (PROTOCOL: bye). */
  disconnect(session: Session): void {
    const { connection, id, user } = session;
    this.log.info({ session: id, user }, 'disconnected by an operator');
    connection.bye('draining', Math.round(Math.random() * this.config.DRAIN_SPREAD_MS));
    this.closeSession(session, 'disconnected');
    connection.leave('draining');
  }

  /** Tells an operator who is slow. Whoever asked may be gone: then nobody needs it. */
  report(to: string, most: number): void {
    this.publishers.report(to, reportOf(this.incarnation.name, this.sessions.values(), most));
  }

  closed(connection: ClientConnection): void {
    this.connections.delete(connection);
    this.admission.release(connection);
    if (connection.session) this.closeSession(connection.session, 'disconnected');
  }

  /** What cannot be handed over goes to `sixfold.returned`; the broker's delivery waits for that. */
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
