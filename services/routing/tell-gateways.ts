import type { Cause } from '#libs/relay/gateway-sender.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { findGateways } from '#libs/store/gateways.ts';

/** No session has this id: gateways of a version without HTTP ignore the entry. */
const NO_SESSION = 'none';

/** Tells every gateway that tokens of these users were revoked: what it remembers of them, it must ask anew. */
export async function tellGateways(
  { db, gatewaySender }: Pick<RelayContext, 'db' | 'gatewaySender'>,
  users: Iterable<string>,
  cause: Cause,
): Promise<void> {
  for (const gateway of await findGateways(db))
    for (const user of users)
      gatewaySender.send(gateway, { kind: 'revoked', session: NO_SESSION, user }, cause);
}
