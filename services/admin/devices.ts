import { setTimeout as delay } from 'node:timers/promises';
import { partitionOf, routeQueue } from '#libs/broker/topology.ts';
import type { Database } from '#libs/store/database.ts';
import { type KnownDevice, listDevices } from '#libs/store/devices.ts';
import type { CommandBroker } from './broker.ts';
import { AdminError } from './errors.ts';

/** Longest wait for routing to remove a device, and the pause between looks, milliseconds. */
const GONE_TIMEOUT_MS = 10_000;
const LOOK_EVERY_MS = 50;

/**
 * Has routing remove a synced device with its mailbox. A client that is connected on it gets `logout:A`.
 *
 * @throws AdminError `not_found` when there is none, `no_answer` when it is still there after the wait
 */
export async function removeDevice(
  db: Database,
  broker: CommandBroker,
  { user, device, partitions }: { user: string; device: string; partitions: number },
): Promise<KnownDevice> {
  const find = async () => (await listDevices(db, user)).find((one) => one.device === device);
  const found = await find();
  if (!found) throw new AdminError('not_found', `${user} has no synced device ${device}`);
  const queue = routeQueue(partitionOf(user, partitions));
  await broker.put(queue, JSON.stringify([{ kind: 'logout', user, device }]));
  const deadline = Date.now() + GONE_TIMEOUT_MS;
  while (await find()) {
    if (Date.now() > deadline) throw new AdminError('no_answer', `${device} is still there`);
    await delay(LOOK_EVERY_MS);
  }
  return found;
}
