import { styleText } from 'node:util';
import type { Verdict, Counts } from './check/check.ts';
import type { Violation } from './check/guarantees.ts';
import type { Waits } from './check/recovery.ts';
import type { FaultEvent } from './history.ts';

const number = (value: number) => value.toLocaleString('en');
const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

/** At most so many violations of one kind are told with their whole story. */
const MAX_STORIES = 3;

export interface ReportedRun {
  faults: readonly FaultEvent[];
  /** Until everything had come to rest, milliseconds. */
  restMs: number;
  /** Faults came one at a time. */
  oneByOne: boolean;
}

/** Lines about a run: what was done to it, what was counted, the ledger, and each guarantee. */
export function reportOf({ counts, violations }: Verdict, { faults, restMs, oneByOne }: ReportedRun): string {
  return [
    '',
    ...(oneByOne ? waitLines(counts.waits) : faultLines(faults)),
    '',
    ...countLines(counts, restMs),
    '',
    ledgerLine(counts),
    '',
    ...guaranteeLines(violations),
  ].join('\n');
}

function faultLines(faults: readonly FaultEvent[]): string[] {
  const kinds = Map.groupBy(faults, ({ fault }) => fault);
  const list = [...kinds].map(([fault, events]) => `${fault} ×${events.length}`);
  return [`Faults: ${faults.length}`, ...(list.length > 0 ? [`  ${list.join(', ')}`] : [])];
}

function waitLines(waits: readonly Waits[]): string[] {
  const row = (name: string, ...cells: string[]) =>
    `  ${name.padEnd(16)}${cells.map((cell) => cell.padStart(16)).join('')}`;
  return [
    'Longest wait of a message, by fault:',
    row('', 'times', 'from the fault', 'after healing'),
    ...waits.map(({ fault, times, sinceStruck, sinceHealed }) =>
      row(fault, String(times), seconds(sinceStruck), seconds(Math.max(0, sinceHealed))),
    ),
  ];
}

function countLines(counts: Counts, restMs: number): string[] {
  const rows: [string, string][] = [
    ['sent', number(counts.sent)],
    ['accepted', number(counts.accepted)],
    ['delivered', `${number(counts.delivered)}, of them ${number(counts.storedFirst)} stored first`],
    ['rejected', number(counts.rejected)],
    ['waiting for receivers who stay away', number(counts.inMailbox)],
    ['lost', number(counts.lost)],
    ['duplicates on the wire', number(counts.duplicatesOnTheWire)],
    ['duplicates to applications', number(counts.duplicatesToApplications)],
    ['handed again after a crash in the handler, marked', number(counts.handedAgain)],
    ['order: inversions beside faults', number(counts.inversions)],
    ['order: neighbours checked while nothing failed', number(counts.orderPromised)],
    ['longest time to deliver after healing', seconds(counts.longestRecoveryMs)],
    ['until all was at rest after the end', seconds(restMs)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

function ledgerLine({ accepted, delivered, rejected, inMailbox, inFlight, lost }: Counts): string {
  const parts = [
    `delivered ${number(delivered)}`,
    `rejected ${number(rejected)}`,
    `in mailboxes ${number(inMailbox)}`,
    `in flight ${number(inFlight)}`,
    ...(lost > 0 ? [`UNACCOUNTED FOR ${number(lost)}`] : []),
  ];
  return `Ledger: accepted ${number(accepted)} = ${parts.join(' + ')}`;
}

const PROMISES = {
  G1: 'nothing accepted is lost',
  G2: 'nothing is shown twice',
  G3: 'the sender learns the truth',
  G4: 'order, while nothing fails',
  G5: 'no one else',
  G6: 'nothing is dropped in silence',
};

function guaranteeLines(violations: readonly Violation[]): string[] {
  return Object.entries(PROMISES).map(([guarantee, promise]) => {
    const broken = violations.filter((violation) => violation.guarantee === guarantee);
    const mark = broken.length === 0 ? styleText('green', '✔') : styleText('red', '✖');
    return `${mark} ${guarantee} ${promise}${broken.length === 0 ? '' : `: ${broken.length} violations`}`;
  });
}

/** The violations in words, the first of each kind with the message's whole story. */
export function storiesOf(
  violations: readonly Violation[],
  timeline: (message: NonNullable<Violation['message']>) => string,
): string {
  const kinds = Map.groupBy(
    violations,
    ({ guarantee, what }) => `${guarantee} ${what.replaceAll(/\d+/g, 'n')}`,
  );
  return [...kinds.values()]
    .flatMap((kind) => {
      const more =
        kind.length > MAX_STORIES ? [`  … and ${kind.length - MAX_STORIES} more of this kind`] : [];
      return [...kind.slice(0, MAX_STORIES).map((one) => story(one, timeline)), ...more];
    })
    .join('\n\n');
}

function story(
  { guarantee, what, message }: Violation,
  timeline: (message: NonNullable<Violation['message']>) => string,
): string {
  const title = styleText('red', `${guarantee}: ${what}`);
  if (!message) return title;
  const { from, to, id } = message;
  return `${title}\n  message ${id} from ${from} to ${to}\n${timeline(message)}`;
}
