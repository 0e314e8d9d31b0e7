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

/** A read:R that is being published; read:A follows the last publisher confirm. */
class PendingRead implements Pending {
  readonly #session: Session;
  readonly #items: Items;
  #left: number;
  #failed = false;

  constructor(session: Session, items: Items, entries: number) {
    this.#session = session;
    this.#items = items;
    this.#left = entries;
  }

  settled(error?: Error): void {
    if (error) this.#failed = true;
    if (--this.#left > 0) return;
    if (!this.#failed) answer(this.#session, this.#items);
    else
      this.#session.connection.error('unavailable', 'the confirmation was not taken; send it again', {
        type: 'read:R',
      });
  }
}

function answer({ connection }: Session, items: Items): void {
  connection.send('read:A', encode({ type: 'read:A', items: items.map(({ from, id }) => ({ from, id })) }));
}

/** read:R: the user has seen these messages. Those without a right proof have no effect, and are answered like the others. */
export function readR({ proofs, publishers }: ReadContext, session: Session, { items }: ReadR): void {
  const { user } = session;
  const seen = new Map(
    items
      .filter(({ from, id, read }) => proofs.verify(from, id, user, read))
      .map(({ from, id }) => [windowKey(from, id), { from, id }]),
  );
  readItems.inc({ outcome: 'accepted' }, seen.size);
  readItems.inc({ outcome: 'ignored' }, items.length - seen.size);
  if (seen.size === 0) {
    answer(session, items);
    return;
  }
  const pending = new PendingRead(session, items, seen.size);
  const at = Date.now();
  for (const { from, id } of seen.values()) {
    trace('read:R', from, id, { session: session.id });
    publishers.ack({ kind: 'read', from, id, to: user, at }, pending);
  }
}
