import type { LoginR } from '#libs/protocol/client-packets.ts';
import { encode } from '#libs/protocol/encode.ts';
import { AuthError, type Identity } from '../auth.ts';
import type { Connection } from '../connection.ts';
import type { Gateway } from '../gateway.ts';
import type { Session } from '../session.ts';

const RE = { type: 'login:R' };

/**
 * login:R: opens a session, or renews the expiry of the one there is. Resolves when it is answered, which for a new
 * session is when presence knows it: any message routed later comes here, any stored earlier is found by offline:R.
 */
export async function loginR(gateway: Gateway, connection: Connection, packet: LoginR): Promise<void> {
  connection.loginSince = Date.now();
  connection.loginTried = true;
  try {
    await login(gateway, connection, packet);
  } finally {
    connection.loginSince = 0;
  }
}

async function login(gateway: Gateway, connection: Connection, { token, device }: LoginR): Promise<void> {
  const identity = await verified(gateway, connection, token);
  if (!identity || !connection.open) return;
  const { session } = connection;
  if (session && (session.user !== identity.user || session.device !== device)) {
    connection.error('bad_packet', 'this connection is logged in as another user or device', RE);
    return;
  }
  if (session) {
    session.expiresAt = identity.expiresAt;
    answer(gateway, session);
    return;
  }
  connection.loginSince = Date.now(); // what the token took is not the registration's time
  await register(gateway, gateway.openSession(identity, device, connection));
}

async function verified(
  gateway: Gateway,
  connection: Connection,
  token: string,
): Promise<Identity | undefined> {
  try {
    return await gateway.verify(token);
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    if (error.code === 'unauthorized') connection.reject('unauthorized', error.message, RE);
    else {
      gateway.log.warn({ err: error.cause }, 'tokens cannot be checked');
      connection.error('unavailable', error.message, RE);
      connection.loginDeadline = Date.now() + gateway.config.LOGIN_TIMEOUT_MS;
    }
    return undefined;
  }
}

/** Announces the session, and waits for routing to say that it is registered, or for too long. */
function register(gateway: Gateway, session: Session): Promise<void> {
  return new Promise((resolve) => {
    session.onRegistered = (registered) => {
      session.onRegistered = undefined;
      if (registered) answer(gateway, session);
      else if (!session.closed) refuse(gateway, session);
      resolve();
    };
    if (!gateway.epoch.ready) session.onRegistered(false);
    else gateway.announce(session, false);
  });
}

/** A session id is never announced twice by its client: what comes late for the first one must not hit the second. */
function refuse(gateway: Gateway, session: Session): void {
  const { connection } = session;
  gateway.closeSession(session, 'disconnected');
  connection.session = undefined;
  connection.error('unavailable', 'the login could not be registered; send it again', RE);
  connection.loginDeadline = Date.now() + gateway.config.LOGIN_TIMEOUT_MS;
}

function answer(gateway: Gateway, session: Session): void {
  const { MAX_PACKET_BYTES, SEND_WINDOW, RECEIVE_WINDOW, ACK_TIMEOUT_MS, RATE_LIMIT_PER_S } = gateway.config;
  const { user, device, id } = session;
  const limits = {
    maxPacketBytes: MAX_PACKET_BYTES,
    sendWindow: SEND_WINDOW,
    receiveWindow: RECEIVE_WINDOW,
    ackTimeoutMs: ACK_TIMEOUT_MS,
    ratePerS: RATE_LIMIT_PER_S,
  };
  session.registered = true;
  session.connection.send(
    'login:A',
    encode({ type: 'login:A', user, device, session: id, at: Date.now(), limits }),
  );
}
