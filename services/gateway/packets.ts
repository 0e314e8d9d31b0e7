import { decode, type Decoded, type ReadPacket } from '#libs/protocol/decode.ts';
import { encode } from '#libs/protocol/encode.ts';
import { type AckContext, ackR } from './handlers/ack.ts';
import { type LoginContext, loginR } from './handlers/login.ts';
import { type LogoutContext, logoutR } from './handlers/logout.ts';
import { type MsgContext, msgR } from './handlers/msg.ts';
import { type ReadContext, readerOf, readR } from './handlers/read.ts';
import { offlineA, type OfflineContext, offlineR } from './handlers/offline.ts';
import { signalR, type SignalContext } from './handlers/signal.ts';
import { packetsIn } from './metrics.ts';
import { rateExceeded } from './rate-limit.ts';
import type { ClientConnection, Session } from './session.ts';

/** What the packet handlers need of the gateway. */
export type PacketContext = LoginContext &
  MsgContext &
  AckContext &
  ReadContext &
  OfflineContext &
  LogoutContext &
  SignalContext;

const PONG = encode({ type: 'pong' });

/** Decodes a packet, checks its rate and calls its handler. The connection reads on when the promise is settled. */
export function receivePacket(
  gateway: PacketContext,
  connection: ClientConnection,
  text: string,
): Promise<void> | undefined {
  const read = decode(text);
  packetsIn[read.packet?.type ?? 'unreadable'].inc();
  const { session } = connection;
  if (!session?.registered) return beforeLogin(gateway, connection, read);
  const exceeded = rateExceeded(session, read);
  if (exceeded) {
    const message = `more than ${gateway.config.RATE_LIMIT_PER_S} packets/s`;
    if (exceeded === 'persists') connection.reject('rate_limited', message, reOf(read));
    else connection.error('rate_limited', message, reOf(read));
  } else if (read.packet) return dispatch(gateway, session, read.packet);
  else if (read.fault.re?.type === 'login:R' && read.fault.field === 'token')
    connection.reject('unauthorized', read.fault.message, read.fault.re);
  else connection.error('bad_packet', read.fault.message, read.fault.re);
  return undefined;
}

function dispatch(gateway: PacketContext, session: Session, packet: ReadPacket): Promise<void> | undefined {
  switch (packet.type) {
    case 'msg:R':
      msgR(gateway, session, packet, session);
      return undefined;
    case 'ack:R':
      ackR(gateway, session, packet);
      return undefined;
    case 'offline:R':
      offlineR(session, packet);
      return undefined;
    case 'offline:A':
      offlineA(gateway, session, packet);
      return undefined;
    case 'read:R':
      readR(gateway, readerOf(session), packet);
      return undefined;
    case 'signal:R':
      signalR(gateway, session, packet);
      return undefined;
    case 'logout:R':
      logoutR(gateway, session);
      return undefined;
    case 'ping':
      session.connection.send('pong', PONG);
      return undefined;
    case 'login:R':
      return loginR(gateway, session.connection, packet);
  }
}

/** Accepts only a readable login:R. A bad `device` or `sync` leaves the client time to correct it (PROTOCOL: not_logged_in). */
function beforeLogin(
  gateway: PacketContext,
  connection: ClientConnection,
  { packet, fault }: Decoded,
): Promise<void> | undefined {
  if (packet?.type === 'login:R') return loginR(gateway, connection, packet);
  // After an `unavailable` login these packets are not the first, and the client did nothing wrong.
  if (packet?.type === 'ping' && connection.login.tried) connection.send('pong', PONG);
  else if (packet && connection.login.tried)
    connection.error('unavailable', 'the login was not registered; send it again', reOf({ packet }));
  else if (fault?.re?.type !== 'login:R')
    connection.reject(
      'not_logged_in',
      'the first packet must be login:R',
      fault?.re ?? reOf({ packet, fault }),
    );
  else if (fault.field === 'device' || fault.field === 'sync')
    connection.error('bad_packet', fault.message, fault.re);
  else connection.reject('unauthorized', fault.message, fault.re);
  return undefined;
}

function reOf({ packet, fault }: { packet?: ReadPacket | undefined; fault?: Decoded['fault'] | undefined }) {
  if (!packet) return fault?.re;
  return {
    type: packet.type,
    ...('id' in packet && { id: packet.id }),
    ...('from' in packet && { from: packet.from }),
  };
}
