import type { RouteMessage, Sent } from '#libs/broker/entries.ts';
import type { SessionLocation, UserLocation } from '#libs/store/presence.ts';

/** Where a user with synced devices is. */
export type SyncedLocation = UserLocation & Required<Pick<UserLocation, 'devices'>>;

/** The sessions that get a live copy: of what a device sent, those of the other synced devices. */
export const liveSessions = ({ sessions }: SyncedLocation, entry: RouteMessage | Sent): SessionLocation[] =>
  entry.kind === 'message'
    ? sessions
    : sessions.filter(({ copy = '' }) => copy !== '' && copy !== entry.device);

/** The devices that get no copy in their mailbox: they get it live, or have sent it. */
export const coveredDevices = (location: SyncedLocation, entry: RouteMessage | Sent): string[] => [
  ...liveSessions(location, entry).flatMap(({ copy = '' }) => (copy === '' ? [] : [copy])),
  ...(entry.kind === 'sent' && entry.device !== undefined ? [entry.device] : []),
];

/** The devices whose copy waits in their mailbox. */
export function awayDevices(location: SyncedLocation, entry: RouteMessage | Sent): string[] {
  const covered = coveredDevices(location, entry);
  return location.devices.filter((device) => !covered.includes(device));
}
