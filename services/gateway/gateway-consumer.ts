import type { DeadLetters } from '#libs/broker/dead-letters.ts';
import { parseEntries } from '#libs/broker/dead-letters.ts';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { Checked, GatewayEntry, LeaseGranted } from '#libs/broker/entries.ts';
import { GATEWAY } from '#libs/broker/entry-formats.ts';
import { batchEntries } from '#libs/broker/metrics.ts';
import { offlineN } from '#libs/protocol/encode.ts';
import { type IncarnationOwner, RENEWALS } from './incarnation.ts';
import type { Gateway } from './gateway.ts';
import { countedFlowControl, type ConsumingBroker } from './flow-control.ts';
import { handOut } from './mailbox-page.ts';
import { countRefusal, presenceRepairs } from './metrics.ts';
import type { Session } from './session.ts';
import { SessionCheck } from './session-check.ts';
import { DeliveryBudget } from './delivery-budget.ts';

/**
 * Consumes the gateway's queue. A delivery is acknowledged when all its entries are settled. A message is settled when
 * the broker has its user's confirmation, or has the message on its return to the mailbox.
 */
export class GatewayConsumer implements IncarnationOwner {
  readonly #gateway: Gateway;
  readonly #dead: DeadLetters;
  readonly #check: SessionCheck;
  readonly #restart: () => void;
  readonly #budget: DeliveryBudget;

  /** @param broker delivers the entries */
  constructor(gateway: Gateway, dead: DeadLetters, broker: ConsumingBroker) {
    this.#gateway = gateway;
    this.#dead = dead;
    this.#check = new SessionCheck(gateway.sessions, gateway.config.GATEWAY_LEASE_MS / RENEWALS);
    this.#restart = broker.resetConsuming;
    const { GATEWAY_PREFETCH: prefetch, MAX_UNSETTLED_BYTES: bytes } = gateway.config;
    this.#budget = new DeliveryBudget({ prefetch, bytes }, countedFlowControl(gateway.log, broker));
  }

  receive(delivery: Delivery, content: Buffer): void {
    if (!this.#budget.fits(delivery) || !delivery.begin()) return;
    this.#budget.add(delivery);
    const { entries, unreadable } = parseEntries(content, GATEWAY);
    for (const letter of unreadable) this.#dead.publish(delivery, letter);
    batchEntries.observe({ stage: 'gateway' }, entries.length);
    delivery.hold(entries.length);
    for (const entry of entries) this.#handle(entry, delivery);
    delivery.settled();
    this.shedOldest();
  }

  finished(delivery: Delivery): void {
    this.#budget.settled(delivery);
  }

  incarnationEnded(deleted: boolean): void {
    this.#budget.clear();
    if (!deleted) this.#gateway.publishers.forgetReturned();
    this.#gateway.questions.lost();
    this.#gateway.tokens.forgetAll();
    for (const session of this.#gateway.sessions.values()) {
      if (deleted) session.returnAll('queue_deleted');
      else session.clear();
      session.aloneAt = undefined;
      session.isJoined = false; // the announcement to the next incarnation finds out
      session.mailboxRequests.lost();
      session.onRegistered?.('failed'); // the answer would have come through that queue
    }
  }

  announceAll(): void {
    for (const session of this.#gateway.sessions.values())
      if (session.registered) this.#gateway.announce(session, true);
  }

  sessionsToCheck(): Checked[] {
    return this.#gateway.draining ? [] : this.#check.next();
  }

  restart(): void {
    this.#restart();
  }

  /**
   * Users who do not answer must not block the others: near the prefetch limit or the byte limit the oldest unsettled
   * messages return to the mailbox early.
   */
  shedOldest(): void {
    const oldest = this.#budget.oldestToShed();
    if (oldest.size === 0) return;
    for (const { window, earlyReceipts } of this.#gateway.sessions.values()) {
      earlyReceipts.returnToMailbox('gateway_full', (delivery) => oldest.has(delivery));
      window.returnToMailbox('gateway_full', ({ deliveries }) =>
        deliveries.some((delivery) => oldest.has(delivery)),
      );
    }
  }

  get unsettledBytes(): number {
    return this.#budget.bytes;
  }

  #handle(entry: GatewayEntry, delivery: Delivery): void {
    if (entry.kind === 'lease-granted') this.#granted(entry);
    else if (entry.kind === 'report') this.#gateway.report(entry.to, entry.most);
    else if (entry.kind === 'tombstone') {
      this.#restart(); // this incarnation was taken for dead; the heirs are waiting for the queue
      return; // not settled: the tombstone is for them
    } else {
      const session = this.#gateway.sessions.get(entry.session);
      if (entry.kind === 'settled' && entry.to !== undefined) {
        const copy = session?.window.markTold(entry.from, entry.id, delivery) ?? 'returned';
        if (copy === 'returned') this.#gateway.returnSettled(entry, delivery);
        else if (copy === 'settled') delivery.settled();
        return;
      }
      if (entry.kind === 'message') {
        if (session) session.window.offer(entry, delivery);
        else this.#gateway.returnToMailbox(entry, 'no_session', delivery);
        return;
      }
      if (entry.kind === 'answer') this.#gateway.questions.answered(entry);
      else if (entry.kind === 'revoked' && entry.user !== undefined) this.#gateway.tokens.revoked(entry.user);
      else if (entry.kind === 'receipt' && entry.addressed && session && session.aloneAt === undefined) {
        this.#gateway.returnToMailbox(entry, 'more_sessions', delivery);
        return;
      } else if (session?.connection.open && !(entry.kind === 'receipt' && !session.registered))
        this.#forSession(session, entry);
      else if (entry.kind === 'receipt') {
        if (session?.connection.open) session.earlyReceipts.offer(entry, delivery);
        else this.#gateway.returnToMailbox(entry, 'no_session', delivery);
        return;
      } else if (entry.kind === 'mailbox' || entry.kind === 'logged-out')
        this.#gateway.questions.answered(entry); // it may be no session's, but a request's over HTTP
    }
    delivery.settled();
  }

  #granted({ presence, asked, missing = [], joined = [] }: LeaseGranted): void {
    this.#gateway.incarnation.granted(presence, asked);
    for (const id of joined) this.#gateway.sessions.get(id)?.joined();
    for (const id of missing) {
      const session = this.#gateway.sessions.get(id);
      if (!session?.registered) continue;
      presenceRepairs.inc();
      this.#gateway.log.warn({ session: id, user: session.user }, 'presence had lost a session');
      this.#gateway.announce(session, true);
    }
  }

  /** The user has too many sessions: a new login is refused, a session that was announced again is closed. */
  #full(session: Session): void {
    if (session.onRegistered) {
      session.onRegistered('full');
      return;
    }
    countRefusal('sessions_per_user');
    session.connection.close('overloaded');
  }

  /** The token of a login is revoked, or an operator ended the session (PROTOCOL: revoked). */
  #revoked(session: Session, { at, again }: Extract<GatewayEntry, { kind: 'revoked' }>): void {
    if (at === undefined && session.onRegistered) session.onRegistered('revoked');
    else if (at === undefined || !again || beganBefore(session, at)) this.#gateway.revoke(session);
  }

  /** Routing answered an announcement, or says that another session of the user was registered. */
  #registered(
    session: Session,
    { joined, alone, sync, mail }: Extract<GatewayEntry, { kind: 'registered' }>,
  ): void {
    if (joined) {
      session.joined();
      return;
    }
    session.aloneAt = alone && !session.isJoined ? this.#gateway.incarnation.name : undefined;
    if (sync) session.synced = true;
    else if (session.registered && session.sync) return; // the answer to an announcement before the renewal
    if (session.onRegistered) session.onRegistered('registered');
    else if (mail) hint(session);
  }

  #forSession(
    session: Session,
    entry: Exclude<GatewayEntry, { kind: 'message' | 'lease-granted' | 'report' | 'tombstone' | 'answer' }>,
  ): void {
    switch (entry.kind) {
      case 'receipt':
        session.notify(entry);
        return;
      case 'registered':
        this.#registered(session, entry);
        return;
      case 'too-many-devices':
        session.onRegistered?.('too_many_devices');
        return;
      case 'logged-out':
        if (session.synced) this.#gateway.loggedOut(session); // to other clients it would mean nothing
        return;
      case 'replaced':
        session.connection.bye('replaced');
        this.#gateway.closeSession(session, 'disconnected');
        session.connection.leave('replaced');
        return;
      case 'revoked':
        this.#revoked(session, entry);
        return;
      case 'disconnect':
        this.#gateway.disconnect(session);
        return;
      case 'late':
        if (entry.full) this.#full(session);
        else {
          this.#gateway.noteLogin(entry.since);
          session.onRegistered?.('late');
        }
        return;
      case 'settled':
        session.window.settleElsewhere(entry.from, entry.id);
        return;
      case 'hint':
        hint(session);
        return;
      case 'mailbox':
        handOut(session, entry);
        return;
    }
  }
}

/** Whether the session, or its token, is older than the revocation. */
const beganBefore = ({ since, issuedAt }: Pick<Session, 'since' | 'issuedAt'>, at: number) =>
  since <= at || issuedAt === undefined || issuedAt < Math.floor(at / 1_000);

/** At most one hint until the client asks (PROTOCOL: offline:N). */
function hint(session: Session): void {
  if (session.hinted || !session.registered) return;
  session.hinted = true;
  session.connection.send('offline:N', offlineN([], [], true));
}
