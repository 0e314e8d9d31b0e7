import type { Look, Outcome } from './dead/commands.ts';
import type { KnownMessage, KnownSession, MailboxCounts } from '#libs/store/admin-queries.ts';
import type { KnownDevice } from '#libs/store/devices.ts';
import type { PartitionState } from './partitions.ts';
import type { Slow } from './slow.ts';

/** Texts of the commands for people; programs take `--json`. */

/** Columns, each as wide as its widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const width = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(width[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A duration in the largest unit that fits. */
export function age(since: number | null | undefined, now = Date.now()): string {
  if (since === null || since === undefined) return '-';
  const seconds = Math.max(0, Math.round((now - since) / 1_000));
  const [unit, size] = UNITS.find(([, least]) => seconds >= 2 * least) ?? ['s', 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}
const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;

export function mailboxText(user: string, counts: MailboxCounts): string {
  const { messages, oldestMessage, receipts, oldestReceipt, senders } = counts;
  const rows = [
    ['messages', String(messages), age(oldestMessage)],
    ['receipts', String(receipts), age(oldestReceipt)],
  ];
  const from = senders.map(({ sender, messages }) => `${sender} ${messages}`).join(', ');
  return table([user, 'waiting', 'oldest'], rows) + (from === '' ? '' : `\nmost messages from: ${from}`);
}

export function sessionsText(sessions: readonly KnownSession[]): string {
  if (sessions.length === 0) return 'no session';
  const rows = sessions.map(({ device, session, gateway, since, present }) => [
    device,
    session,
    gateway,
    age(since),
    present ? 'yes' : 'no: its gateway is silent',
  ]);
  return table(['device', 'session', 'gateway', 'since', 'counts'], rows);
}

export function devicesText(devices: readonly KnownDevice[]): string {
  if (devices.length === 0) return 'no synced device';
  const rows = devices.map(({ device, since, lastSeen, messages, receipts }) => [
    device,
    age(since),
    age(lastSeen),
    String(messages),
    String(receipts),
  ]);
  return table(['device', 'since', 'last seen', 'messages', 'receipts'], rows);
}

export function messageText({ copies, receipts }: KnownMessage): string {
  if (copies.length + receipts.length === 0)
    return 'nothing of it waits: it was never accepted, is on its way, or is settled';
  const rows = [
    ...copies.map(({ to, device, storedAt }) => ['message', to, device ?? '-', '-', age(storedAt)]),
    ...receipts.map(({ to, device, state, reason, storedAt }) => [
      'receipt',
      to,
      device ?? '-',
      reason === null ? state : `${state}, ${reason}`,
      age(storedAt),
    ]),
  ];
  return table(['waits', 'to', 'device', 'state', 'for'], rows);
}

export function partitionsText(partitions: readonly PartitionState[]): string {
  const rows = partitions.map(({ queue, waiting, consumers }) => [queue, String(waiting), String(consumers)]);
  return table(['queue', 'AMQP messages', 'consumers'], rows);
}

export function slowText({ sessions, total, unsettled, silent }: Slow): string {
  const rows = sessions.map((one) => [
    one.user,
    one.device,
    one.gateway,
    String(one.messages),
    one.unansweredMs === null ? '-' : `${one.unansweredMs} ms`,
    String(one.waitingBytes),
    String(one.sendBufferBytes),
  ]);
  const head = ['user', 'device', 'gateway', 'messages', 'unanswered for', 'waiting bytes', 'unread bytes'];
  const lines = [`${unsettled} of ${total} sessions have something unsettled at this moment`];
  if (rows.length > 0) lines.push(table(head, rows));
  if (silent.length > 0) lines.push(`no answer from: ${silent.join(', ')}`);
  return lines.join('\n');
}

/** Entries of one letter that its line names; `--json` names all. */
const NAMED = 2;

export function lookText({ letters, more }: Look): string {
  if (letters.length === 0) return 'sixfold.dead is empty';
  const rows = letters.map(({ letter, at, queue, target, entries, reason }) => {
    const names = entries.slice(0, NAMED).map(({ kind, from, user, to, id }) => {
      const who = [from ?? user, to].filter((name) => name !== undefined).join(' > ');
      return [kind, who, id].filter((part) => part !== undefined && part !== '').join(' ');
    });
    const others = entries.length > NAMED ? [`and ${entries.length - NAMED} more`] : [];
    return [
      letter,
      age(at),
      queue ?? '?',
      target ?? 'cannot be requeued',
      [...names, ...others].join(', ') || '?',
      printable(reason),
    ];
  });
  const text = table(['letter', 'age', 'read from', 'goes to', 'entries', 'reason'], rows);
  return more ? `${text}\nand more (--most)` : text;
}

/** A reason may quote a client's text. */
const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);

export function outcomeText(verb: string, { done, failed }: Outcome): string {
  return [
    `${verb}: ${done.length}`,
    ...failed.map(({ letter, reason }) => `${letter} stays in sixfold.dead: ${reason}`),
  ].join('\n');
}
