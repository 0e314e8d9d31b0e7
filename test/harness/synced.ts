import type { ServiceHandle } from '../../tools/testkit/service-handle.ts';
import { emptyMailbox } from './mailbox.ts';
import { connectAs, type RawClient } from './raw-client.ts';
import type { Stack } from './stack.ts';
import { until } from './wait.ts';

/** Synced devices, for tests. */

/** Connects a synced device. */
export const connectDevice = (
  stack: Stack,
  gateway: ServiceHandle | undefined,
  user: string,
  device: string,
  autoAck = false,
): Promise<RawClient> => connectAs(stack, gateway, user, { device, sync: true, autoAck });

/** Makes devices synced ones that are away. */
export async function registerAway(stack: Stack, user: string, ...devices: string[]): Promise<void> {
  for (const device of devices) await (await connectDevice(stack, stack.gateways[0], user, device)).close();
  await until(async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', [user])).length === 0, {
    what: 'presence to forget them',
  });
}

/** The copies in the mailboxes of a user's devices, `<device> <id>`, in their order. */
export async function copiesOf(stack: Stack, user: string): Promise<string[]> {
  const rows = await stack.sql('SELECT device, id FROM device_copies WHERE recipient = $1 ORDER BY key', [
    user,
  ]);
  return rows.map(({ device, id }) => `${String(device)} ${String(id)}`);
}

/** What a sender was told of one message: live so far, then what its mailbox holds now. */
export async function statesOf(sender: RawClient, id: string): Promise<string[]> {
  const { receipts } = await emptyMailbox(sender);
  return [...sender.all('ack:N', { id }), ...receipts.filter((one) => one.id === id)].map(
    ({ state }) => state,
  );
}
