import type { Broker } from '#libs/broker/broker.ts';
import type { EventOutbox } from '#libs/relay/event-outbox.ts';
import type { GatewaySender } from '#libs/relay/gateway-sender.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { Database } from '#libs/store/database.ts';
import { dropUnwantedEvents } from '#libs/store/event-outbox.ts';
import { removeSilentGateways } from '#libs/store/gateways.ts';
import { mailboxSize } from '#libs/store/mailbox-size.ts';
import { findSessions } from '#libs/store/presence.ts';
import { findSessionsToRemind } from '#libs/store/reminders.ts';
import { expireEntries, type ExpiredMessages, expireOverdue } from '#libs/store/retention.ts';
import { receiptsTotal } from '#libs/relay/metrics.ts';
import type { RoutingConfig } from './config.ts';
import { expireDeviceMailboxes, sweepOverdueCopies } from './device-housekeeping.ts';
import type { Heirs } from './heirs.ts';
import { expiredTotal, mailboxBytes, mailboxEntries, remindersTotal } from './metrics.ts';
import type { Partitions } from './partitions.ts';

export interface HousekeepingParts {
  config: RoutingConfig;
  broker: Broker;
  db: Database;
  gatewaySender: GatewaySender;
  /** Where somebody wants events. */
  outbox?: EventOutbox | undefined;
  heirs: Heirs;
  partitions: Partitions;
  log: Logger;
}

/** Pause between two rounds, milliseconds: the queues of a dead gateway and a partition to share wait this long. */
export const HOUSEKEEPING_MS = 1_000;
/** How often messages whose time (`ttl`) is over are looked for, or as often as other expired entries, milliseconds. */
const SWEEP_MS = 10_000;
/** Entries that one statement takes. */
const AT_A_TIME = 1_000;
/** A session that has not pulled its mail for this long gets another hint, milliseconds. */
const FORGOTTEN_MS = 10_000;
/** An incarnation ends after this many leases of silence. Its sessions count as absent after the first. */
const SILENT_LEASES = 2;

/** Periodic work of every instance; several may run each step at once. */
export class Housekeeping {
  readonly #parts: HousekeepingParts;
  /** Start of the current run of successful rounds in which leases could be renewed. */
  #healthySince: number | undefined;
  #steppedAt = 0;
  #expiredAt = 0;
  #sweptAt = 0;

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
  }

  /** One round. */
  async step(now = Date.now()): Promise<void> {
    const { config, broker, db, gatewaySender, heirs, partitions, outbox, log } = this.#parts;
    if (now - this.#steppedAt >= config.GATEWAY_LEASE_MS) this.#healthySince = undefined; // this instance hung, or all did
    this.#steppedAt = now;
    try {
      await this.#endSilentGateways(now);
      await heirs.reconcile(now);
      await partitions.balance();
      gatewaySender.prune();
      await outbox?.look(now);
      if (now - this.#sweptAt >= Math.min(SWEEP_MS, config.RETENTION_SWEEP_MS)) {
        this.#sweptAt = now;
        await sweepOverdue(db, gatewaySender, config);
        await sweepOverdueCopies(this.#parts);
      }
      if (now - this.#expiredAt >= config.RETENTION_SWEEP_MS) {
        this.#expiredAt = now;
        await expireMailboxes(db, gatewaySender, config);
        await expireDeviceMailboxes(this.#parts);
        await remind(db, gatewaySender, config);
        await measureMailboxes(db);
        if (!outbox) await dropEvents(db, log);
      }
      this.#healthySince =
        broker.connected && broker.acceptsPublishes ? (this.#healthySince ?? now) : undefined;
    } catch (error) {
      this.#healthySince = undefined;
      log.warn({ err: error }, 'housekeeping failed, will retry');
    }
  }

  /**
   * After an outage every lease looks expired, since no gateway could renew: wait for a whole lease before ending
   * any.
   */
  async #endSilentGateways(now: number): Promise<void> {
    const { db, config } = this.#parts;
    if (this.#healthySince === undefined || now - this.#healthySince < config.GATEWAY_LEASE_MS) return;
    await removeSilentGateways(db, SILENT_LEASES * config.GATEWAY_LEASE_MS);
  }
}

/** Removes expired mailbox entries, and informs the senders of messages. */
async function expireMailboxes(
  db: Database,
  gatewaySender: GatewaySender,
  config: RoutingConfig,
): Promise<void> {
  for (;;) {
    const expired = await expireEntries(db, config.MAILBOX_RETENTION_DAYS, AT_A_TIME, Date.now());
    const { senders, receipts } = expired;
    expiredTotal.inc({ what: 'receipt' }, receipts);
    await tellSenders(db, gatewaySender, config, expired);
    if (senders.length < AT_A_TIME && receipts < AT_A_TIME) return;
  }
}

/** Messages whose own time is over leave the mailboxes; their senders are told. */
async function sweepOverdue(
  db: Database,
  gatewaySender: GatewaySender,
  config: RoutingConfig,
): Promise<void> {
  for (;;) {
    const expired = await expireOverdue(db, AT_A_TIME, Date.now());
    await tellSenders(db, gatewaySender, config, expired);
    if (expired.senders.length < AT_A_TIME) return;
  }
}

async function tellSenders(
  db: Database,
  gatewaySender: GatewaySender,
  config: RoutingConfig,
  { senders, told }: ExpiredMessages,
): Promise<void> {
  expiredTotal.inc({ what: 'message' }, senders.length);
  receiptsTotal.inc({ outcome: 'stored' }, told);
  const present = await findSessions(db, senders, config.GATEWAY_LEASE_MS);
  for (const sessions of present.values()) gatewaySender.hint(sessions);
}

/** Hints to present sessions that have old mail. */
async function remind(db: Database, gatewaySender: GatewaySender, config: RoutingConfig): Promise<void> {
  const sessions = await findSessionsToRemind(db, config.GATEWAY_LEASE_MS, FORGOTTEN_MS);
  gatewaySender.hint(sessions);
  remindersTotal.inc(sessions.length);
}

/** Events that were left in the outbox when EVENTS was emptied. */
async function dropEvents(db: Database, log: Logger): Promise<void> {
  for (let dropped = AT_A_TIME; dropped === AT_A_TIME;) {
    dropped = await dropUnwantedEvents(db, AT_A_TIME);
    if (dropped > 0) log.warn({ events: dropped }, 'deleted events from the outbox: EVENTS is empty now');
  }
}

/** Every instance reports the same values, for all mailboxes. */
async function measureMailboxes(db: Database): Promise<void> {
  for (const { what, entries, bytes } of await mailboxSize(db)) {
    mailboxEntries.set({ what }, entries);
    mailboxBytes.set({ what }, bytes);
  }
}
