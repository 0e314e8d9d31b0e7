import type { Incarnation } from '../incarnation.ts';
import type { Publishers } from '../publishers.ts';
import { mailboxUnavailable, type Session } from '../session.ts';

/** What logout:R needs of the gateway. */
export interface LogoutContext {
  readonly publishers: Pick<Publishers, 'route'>;
  readonly incarnation: Pick<Incarnation, 'name' | 'ready'>;
}

/** logout:R: the device is no longer a synced one. Answered when routing has removed its mailbox. */
export function logoutR({ publishers, incarnation }: LogoutContext, session: Session): void {
  const { user, device, id, connection } = session;
  if (!session.synced)
    connection.error('bad_packet', 'this device is not a synced one', { type: 'logout:R' });
  else if (!incarnation.ready) mailboxUnavailable(session, 'logout:R');
  else
    publishers.route(
      user,
      { kind: 'logout', user, device, session: id, gateway: incarnation.name },
      {
        settled: (error) => {
          if (error) mailboxUnavailable(session, 'logout:R');
        },
      },
    );
}
