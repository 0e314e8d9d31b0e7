import type { ReturnReason } from '#libs/broker/entries.ts';
import type { LoginR } from '#libs/protocol/client-packets.ts';
import { encode } from '#libs/protocol/encode.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { AuthError, type Identity, type Verify } from '../auth.ts';
import type { GatewayConfig } from '../config.ts';
import type { Admission } from '../admission/admission.ts';
import type { Lease } from '../lease.ts';
import { countRefusal } from '../metrics.ts';
import type { ClientConnection, Registration, Session } from '../session.ts';

const RE = { type: 'login:R' };
const REVOKED = 'the token is revoked';
/** Earlier than every revocation. */
const WITHOUT_IAT = -1;

/**
 * A login that is found late within this time is tried again with a later time, milliseconds: gateways' clocks differ,
 * and simultaneous logins may overtake each other. After a longer time its client may have connected elsewhere.
 */
const SAME_MOMENT_MS = 1_000;

/** A login that could not be registered is tried again after this long, while its time lasts, milliseconds. */
const RETRY_MS = 200;

/** What login:R needs of the gateway. */
export interface LoginContext {
  readonly config: GatewayConfig;
  readonly verify: Verify;
  readonly admission: Pick<Admission, 'mayLogIn' | 'authenticated'>;
  readonly incarnation: { readonly lease: Pick<Lease, 'waitUntilHeld'> };
  readonly log: Pick<Logger, 'warn'>;
  nextSince(): number;
  openSession(identity: Identity, device: string, connection: ClientConnection, since: number): Session;
  announce(session: Session, again: boolean, iat?: number): void;
  closeSession(session: Session, reason: ReturnReason): void;
}

/**
 * login:R: opens a session, or renews the expiry of the one there is. Resolves when it is answered, which for a new
 * session is when presence knows it: any message routed later comes here, any stored earlier is found by offline:R.
 */
export async function loginR(
  gateway: LoginContext,
  connection: ClientConnection,
  packet: LoginR,
): Promise<void> {
  if (!connection.session && !gateway.admission.mayLogIn(connection)) {
    connection.reject('rate_limited', 'too many logins from this address', RE);
    return;
  }
  connection.login.pendingSince = Date.now();
  connection.login.tried = true;
  try {
    await login(gateway, connection, packet);
  } finally {
    connection.login.pendingSince = 0;
  }
}

async function login(
  gateway: LoginContext,
  connection: ClientConnection,
  { token, device, sync = false }: LoginR,
): Promise<void> {
  const since = gateway.nextSince();
  const identity = await verified(gateway, connection, token);
  // After a standstill, the client may have hung up and be connected elsewhere: read that first.
  await new Promise((resolve) => setImmediate(resolve));
  if (!identity || !connection.open) return;
  gateway.admission.authenticated(connection);
  const { session } = connection;
  if (session && (session.user !== identity.user || session.device !== device)) {
    connection.error('bad_packet', 'this connection is logged in as another user or device', RE);
    return;
  }
  if (session) {
    await renew(gateway, session, identity, sync);
    return;
  }
  connection.login.pendingSince = Date.now(); // what the token took is not the registration's time
  const outcome = await openSession(gateway, connection, { identity, device, sync, since });
  if (outcome === 'registered' || outcome === 'gone') return;
  if (outcome === 'full') {
    countRefusal('sessions_per_user');
    connection.close('overloaded');
    return;
  }
  if (outcome === 'too_many_devices') {
    refuseDevice(connection);
    return;
  }
  if (outcome === 'revoked') {
    connection.reject('unauthorized', REVOKED, RE);
    return;
  }
  connection.error('unavailable', 'the login could not be registered; send it again', RE);
  connection.login.deadline = Date.now() + gateway.config.LOGIN_TIMEOUT_MS;
}

/**
 * A fresh token of the same user and device. What revokes it ends the session as well; but a token that was issued before
 * the session's own may have been revoked before the session began: presence knows.
 */
async function renew(
  gateway: LoginContext,
  session: Session,
  identity: Identity,
  sync: boolean,
): Promise<void> {
  const isOlder = session.issuedAt !== undefined && (identity.issuedAt ?? -Infinity) < session.issuedAt;
  const outcome = isOlder ? await check(gateway, session, identity) : 'registered';
  if (session.closed) return;
  if (outcome === 'registered') {
    session.renew(identity);
    if (sync && !session.synced) await makeSynced(gateway, session);
    else answer(gateway, session);
  } else if (outcome === 'revoked') session.connection.reject('unauthorized', REVOKED, RE);
  else session.connection.error('unavailable', 'the token could not be checked; send it again', RE);
}

/** Announces the session with another token. */
function check(
  gateway: LoginContext,
  session: Session,
  { issuedAt = WITHOUT_IAT }: Identity,
): Promise<Registration> {
  const { promise, resolve } = Promise.withResolvers<Registration>();
  const late = setTimeout(() => session.onRegistered?.('failed'), gateway.config.LOGIN_TIMEOUT_MS).unref();
  session.onRegistered = (outcome) => {
    session.onRegistered = undefined;
    clearTimeout(late);
    resolve(outcome);
  };
  gateway.announce(session, false, issuedAt);
  return promise;
}

/**
 * Opens a session and registers it, for up to LOGIN_TIMEOUT_MS: a gateway that was just started, or has lost the broker,
 * holds the login until it has a lease. Its place among the logins is that of the login:R: one that its client has given
 * up for another connection meanwhile is late.
 */
async function openSession(
  gateway: LoginContext,
  connection: ClientConnection,
  { identity, device, sync, ...login }: { identity: Identity; device: string; sync: boolean; since: number },
): Promise<Registration | 'gone'> {
  const start = performance.now();
  const leftMs = () => start + gateway.config.LOGIN_TIMEOUT_MS - performance.now();
  let { since } = login;
  while (await gateway.incarnation.lease.waitUntilHeld(leftMs())) {
    if (!connection.open) return 'gone';
    const opened = gateway.openSession(identity, device, connection, since);
    opened.sync = sync;
    const outcome = await register(gateway, opened);
    if (outcome === 'registered') return outcome;
    if (opened.closed) return 'gone';
    // A session id is announced as a login once only: what comes late for the first one must not hit the second.
    gateway.closeSession(opened, 'disconnected');
    connection.session = undefined;
    if (outcome === 'full' || outcome === 'too_many_devices' || outcome === 'revoked') return outcome;
    if (outcome === 'late') {
      if (performance.now() - start >= SAME_MOMENT_MS) return outcome;
      since = gateway.nextSince();
    } else {
      if (leftMs() <= RETRY_MS) return outcome;
      since++; // in case presence has the one before
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  return connection.open ? 'failed' : 'gone';
}

/** A renewal asks for what the login did not: the device becomes a synced one, or the session goes on as it is. */
async function makeSynced(gateway: LoginContext, session: Session): Promise<void> {
  session.sync = true;
  const late = setTimeout(() => session.onRegistered?.('failed'), gateway.config.LOGIN_TIMEOUT_MS);
  const outcome = await register(gateway, session);
  clearTimeout(late);
  session.sync = false;
  if (outcome === 'registered' || session.closed) return;
  if (outcome === 'too_many_devices') refuseDevice(session.connection);
  else if (outcome === 'revoked') session.connection.reject('unauthorized', REVOKED, RE);
  else
    session.connection.error('unavailable', 'the device could not be registered; send the login again', RE);
}

function refuseDevice(connection: ClientConnection): void {
  countRefusal('devices_per_user');
  connection.reject('too_many_devices', 'this user has as many synced devices as may be', RE);
}

async function verified(
  gateway: LoginContext,
  connection: ClientConnection,
  token: string,
): Promise<Identity | undefined> {
  try {
    const identity = await gateway.verify(token);
    if (!identity.service) return identity;
    connection.reject('unauthorized', 'a service token does not log in: it is for HTTP', RE);
    return undefined;
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    if (error.code === 'unauthorized') connection.reject('unauthorized', error.message, RE);
    else {
      if (error.cause) gateway.log.warn({ err: error.cause }, 'tokens cannot be checked');
      connection.error('unavailable', error.message, RE);
      connection.login.deadline = Date.now() + gateway.config.LOGIN_TIMEOUT_MS;
    }
    return undefined;
  }
}

/** Announces the session, and waits for routing to say what came of it, or for too long. */
function register(gateway: LoginContext, session: Session): Promise<Registration> {
  return new Promise((resolve) => {
    session.onRegistered = (outcome) => {
      session.onRegistered = undefined;
      if (outcome === 'registered') answer(gateway, session);
      resolve(outcome);
    };
    gateway.announce(session, false);
  });
}

function answer(gateway: LoginContext, session: Session): void {
  const { config } = gateway;
  const { user, device, id, synced } = session;
  const limits = {
    maxPacketBytes: config.MAX_PACKET_BYTES,
    sendWindow: config.SEND_WINDOW,
    receiveWindow: config.RECEIVE_WINDOW,
    ackTimeoutMs: config.ACK_TIMEOUT_MS,
    ratePerS: config.RATE_LIMIT_PER_S,
    maxReceivers: config.MAX_RECEIVERS,
  };
  session.connection.send(
    'login:A',
    encode({
      type: 'login:A',
      user,
      device,
      session: id,
      at: Date.now(),
      limits,
      ...(synced && { sync: true }),
    }),
  );
  session.begin();
}
