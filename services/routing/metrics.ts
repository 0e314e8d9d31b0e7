import { Counter, Gauge } from 'prom-client';
import type { ReturnReason } from '#libs/broker/entries.ts';

export const routedTotal = new Counter({
  name: 'sixfold_routed_total',
  help: 'Messages routed: live (to sessions), stored (in the mailbox) or rejected (the mailbox is full, or the message expired)',
  labelNames: ['outcome'],
});
for (const outcome of ['live', 'stored', 'rejected']) routedTotal.inc({ outcome }, 0);

export const mailboxFullTotal = new Counter({
  name: 'sixfold_mailbox_full_total',
  help:
    'Messages rejected as mailbox_full, by the quota that they met: mailbox or sender; of a user with synced ' +
    'devices: device or device_sender',
  labelNames: ['quota'],
});
for (const quota of ['mailbox', 'sender', 'device', 'device_sender']) mailboxFullTotal.inc({ quota }, 0);

export const returnedTotal = new Counter({
  name: 'sixfold_returned_total',
  help: 'Messages and receipts that could not be handed over live, by reason',
  labelNames: ['reason'],
});

export const missedTotal = new Counter({
  name: 'sixfold_missed_total',
  help: 'Copies that a synced device did not get while others did, and is told of, by reason: mailbox_full or expired',
  labelNames: ['reason'],
});
for (const reason of ['mailbox_full', 'expired']) missedTotal.inc({ reason }, 0);

/** `gateway_gone`: an heir took it over. `unroutable`: its gateway's queue was unbound or deleted. */
export const countReturned = (reason: ReturnReason | 'gateway_gone' | 'unroutable') =>
  returnedTotal.inc({ reason });

export const pulledTotal = new Counter({
  name: 'sixfold_offline_pulled_total',
  help: 'Mailbox entries handed to clients, messages and receipts',
});

export const expiredTotal = new Counter({
  name: 'sixfold_expired_total',
  help: 'Entries that expired, in a mailbox or on their way: message (its sender is told) or receipt',
  labelNames: ['what'],
});
for (const what of ['message', 'receipt']) expiredTotal.inc({ what }, 0);

export const mailboxEntries = new Gauge({
  name: 'sixfold_mailbox_entries',
  help: 'Entries in all mailboxes together, by what they are: message or receipt; an estimate',
  labelNames: ['what'],
});

export const mailboxBytes = new Gauge({
  name: 'sixfold_mailbox_bytes',
  help: 'Bytes on disk that all mailboxes take up, by what they hold: message or receipt',
  labelNames: ['what'],
});

export const remindersTotal = new Counter({
  name: 'sixfold_reminders_total',
  help: 'Sessions that were told of mail which they had not come for in a while',
});

export const partitionsActive = new Gauge({
  name: 'sixfold_partitions_active',
  help: 'Whether this instance has received work from a route partition since it last subscribed: 1, or absent',
  labelNames: ['partition'],
});

export const presenceLookups = new Counter({
  name: 'sixfold_presence_lookups_total',
  help: 'Receivers looked up to route messages, by who knew where they are: cache or database',
  labelNames: ['answered'],
});
for (const answered of ['cache', 'database']) presenceLookups.inc({ answered }, 0);

export const devicesRemoved = new Counter({
  name: 'sixfold_devices_removed_total',
  help: 'Synced devices removed, by why: logout (of the client, or by an operator), forgotten (no session for DEVICE_DAYS) or erased (with its user)',
  labelNames: ['reason'],
});
for (const reason of ['logout', 'forgotten', 'erased']) devicesRemoved.inc({ reason }, 0);

export const usersErased = new Counter({
  name: 'sixfold_users_erased_total',
  help: 'Users of whom nothing is left, since an operator or a back end erased them',
});
