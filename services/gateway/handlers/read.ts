import type { ReadR } from '#libs/protocol/client-packets.ts';
import { encode } from '#libs/protocol/encode.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { trace } from '#libs/runtime/trace.ts';
import { windowKey } from '../in-flight.ts';
import { readItems } from '../metrics.ts';
import type { Publishers } from '../publishers.ts';
import type { ReceiptProofs } from '../receipt-proofs.ts';
import type { Session } from '../session.ts';

/** The part of the gateway that read:R needs. */
export interface ReadContext {
  readonly proofs: Pick<ReceiptProofs, 'verify'>;
  readonly publishers: Pick<Publishers, 'ack'>;
}

type Items = readonly { from: string; id: string }[];

/** Who sent a read:R: a session, or a request over HTTP. Told once. */
export interface Reader {
  readonly user: string;
  /** All of it is durable, or has no effect. */
  accepted(items: Items): void;
  unavailable(message: string): void;
}

/** A read:R that is being published; the answer follows the last publisher confirm. */
class PendingRead implements Pending {
  readonly #reader: Reader;
  readonly #items: Items;
  #left: number;
  #failed = false;

  constructor(reader: Reader, items: Items, entries: number) {
    this.#reader = reader;
    this.#items = items;
    this.#left = entries;
  }

  settled(error?: Error): void {
    if (error) this.#failed = true;
    if (--this.#left > 0) return;
    if (!this.#failed) this.#reader.accepted(this.#items);
    else this.#reader.unavailable('the confirmation was not taken; send it again');
  }
}

/** A session as a reader: read:A follows. */
export const readerOf = ({ user, connection }: Session): Reader => ({
  user,
  accepted: (items) =>
    connection.send('read:A', encode({ type: 'read:A', items: items.map(({ from, id }) => ({ from, id })) })),
  unavailable: (message) => connection.error('unavailable', message, { type: 'read:R' }),
});

/** read:R: the user has seen these messages. Those without a right proof have no effect, and are answered like the others. */
export function readR(
  { proofs, publishers }: ReadContext,
  reader: Reader,
  { items }: Pick<ReadR, 'items'>,
): void {
  const { user } = reader;
  const seen = new Map(
    items
      .filter(({ from, id, read }) => proofs.verify(from, id, user, read))
      .map(({ from, id }) => [windowKey(from, id), { from, id }]),
  );
  readItems.inc({ outcome: 'accepted' }, seen.size);
  readItems.inc({ outcome: 'ignored' }, items.length - seen.size);
  if (seen.size === 0) {
    reader.accepted(items);
    return;
  }
  const pending = new PendingRead(reader, items, seen.size);
  const at = Date.now();
  for (const { from, id } of seen.values()) {
    trace('read:R', from, id, { user });
    publishers.ack({ kind: 'read', from, id, to: user, at }, pending);
  }
}
