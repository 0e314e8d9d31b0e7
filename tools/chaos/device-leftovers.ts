import type { Rows } from './backends.ts';
import type { TellingState } from './check/message.ts';

/** What the mailboxes of synced devices hold. A device is named `<user>/<device>`. */
export interface DeviceMailboxes {
  /** Copies: `<receiver> <sender> <id>` to the devices that have one, each with the time from which it is of no use. */
  copies: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Receipts: `<sender> <receiver> <id>` to the devices that have one. */
  receipts: ReadonlyMap<string, ReadonlyMap<string, TellingState>>;
  /** What devices missed and have not confirmed: the count of each key. */
  missed: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Counts of missed copies that no device was given yet. */
  untold: number;
  /** Messages whose copies are gone, and that nothing will delete; and copies whose message is gone. */
  stranded: number;
}

export async function findDeviceMailboxes(rows: Rows): Promise<DeviceMailboxes> {
  const copies = await rows(
    'SELECT recipient, device, sender, id, expires FROM device_copies JOIN device_messages USING (recipient, sender, id)',
  );
  const receipts = await rows('SELECT recipient, device, peer, id, state, reason, at FROM device_receipts');
  const missed = await rows('SELECT recipient, device, key, count, handed::text FROM device_missed');
  const [stranded] = await rows(
    `SELECT (SELECT count(*) FROM device_messages m WHERE idle_at IS NULL AND NOT EXISTS (
         SELECT FROM device_copies c WHERE c.recipient = m.recipient AND c.sender = m.sender AND c.id = m.id))
       + (SELECT count(*) FROM device_copies c LEFT JOIN device_messages m USING (recipient, sender, id)
          WHERE m.body IS NULL) AS count`,
  );
  const whoOf = ({ recipient, device }: Record<string, string>) => `${recipient ?? ''}/${device ?? ''}`;
  return {
    copies: grouped(copies, (row) => {
      const { recipient, sender, id, expires } = row;
      return [`${recipient} ${sender} ${id}`, whoOf(row), Number(expires ?? Infinity)];
    }),
    receipts: grouped(receipts, (row) => {
      const { recipient, peer, id, state = '', reason, at } = row;
      const telling = { state, reason: reason ?? undefined, at: Number(at) };
      return [`${recipient} ${peer} ${id}`, whoOf(row), telling];
    }),
    missed: grouped(missed, (row) => [whoOf(row), `x${row['key']}`, Number(row['count'])]),
    untold: missed.filter(({ handed }) => handed === 'false').length,
    stranded: Number(stranded?.['count']),
  };
}

function grouped<V>(
  rows: readonly Record<string, string>[],
  place: (row: Record<string, string>) => [name: string, key: string, value: V],
): Map<string, Map<string, V>> {
  const all = new Map<string, Map<string, V>>();
  for (const row of rows) {
    const [name, key, value] = place(row);
    const group = all.get(name) ?? new Map<string, V>();
    all.set(name, group.set(key, value));
  }
  return all;
}
