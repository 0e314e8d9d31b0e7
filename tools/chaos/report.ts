import { styleText } from 'node:util';
import { table } from '../table.ts';
import type { Counts, Verdict } from './check/check.ts';
import type { Guarantee, Violation } from './check/guarantees.ts';
import type { FaultEvent } from './history.ts';

const number = (value: number) => value.toLocaleString('en');
const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

/** Most violations of one kind that are told with their whole story. */
const MAX_STORIES = 3;

const PROMISES: Record<Guarantee, string> = {
  G1: 'nothing accepted is lost',
  G2: 'nothing is shown twice',
  G3: 'the sender learns the truth',
  G4: 'order, while nothing fails',
  G5: 'no one else',
  G6: 'nothing is dropped in silence',
  events: 'back ends hear of everything, and of nothing else',
};

export interface ReportedRun {
  faults: readonly FaultEvent[];
  /** Until everything had come to rest, milliseconds. */
  restMs: number;
  /** Faults came one at a time. */
  oneByOne: boolean;
}

/** Lines about a run: its faults (or the waits that they caused), its counts, the ledger, and each guarantee. */
export function reportOf({ counts, violations }: Verdict, { faults, restMs, oneByOne }: ReportedRun): string {
  const kinds = [...Map.groupBy(faults, ({ fault }) => fault)];
  const list = kinds.map(([fault, events]) => `${fault} ×${events.length}`).join(', ');
  const waits = counts.recovery.waits.map(({ fault, times, sinceBegan, sinceHealed }) => [
    ...[fault, String(times), seconds(sinceBegan), seconds(Math.max(0, sinceHealed))],
  ]);
  return [
    ...[
      '',
      ...(oneByOne ? ['Longest wait of a message, by fault:'] : [`Faults: ${faults.length}`, `  ${list}`]),
    ],
    ...(oneByOne ? table([['', 'times', 'from the fault', 'after healing'], ...waits], 'right') : []),
    ...['', ...table(countRows(counts, restMs))],
    ...['', ledgerLine(counts), deviceLedgerLine(counts), ''],
    ...Object.entries(PROMISES).map(([guarantee, promise]) => {
      const broken = violations.filter((violation) => violation.guarantee === guarantee).length;
      const mark = broken === 0 ? styleText('green', '✔') : styleText('red', '✖');
      return `${mark} ${guarantee} ${promise}${broken === 0 ? '' : `: ${broken} violations`}`;
    }),
  ].join('\n');
}

const countRows = (counts: Counts, restMs: number): [string, string][] => [
  ['sent', number(counts.sent)],
  ['accepted', number(counts.accepted)],
  ['delivered', `${number(counts.delivered)}, of them ${number(counts.storedFirst)} stored first`],
  ['rejected', `${number(counts.rejected)}, of them ${number(counts.expired)} because their time was over`],
  ['to one of several receivers', number(counts.listed)],
  ['sent over HTTP', number(counts.overHttp)],
  ['read, as their senders know', number(counts.read)],
  ['waiting for receivers who stay away', number(counts.inMailbox)],
  ['lost', number(counts.lost)],
  ['duplicates on the wire', number(counts.duplicatesOnTheWire)],
  ['duplicates to applications', number(counts.duplicatesToApplications)],
  ['handed again after a crash in the handler, marked', number(counts.handedAgain)],
  ['order: inversions beside faults', number(counts.inversions)],
  ['order: neighbours checked while nothing failed', number(counts.orderPromised)],
  ['longest time to deliver after healing', seconds(counts.recovery.longestMs)],
  ['events', `${number(counts.events.facts)}, in ${number(counts.events.came)} tries`],
  ['until all was at rest after the end', seconds(restMs)],
];

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

/** What became of the copies for synced devices; `missed` is what the server counted. */
function deviceLedgerLine({ copies }: Counts): string {
  const { due, own, handed, waiting, rejected, dropped, lost, missed } = copies;
  const parts = [
    `handed on ${number(handed)}`,
    `rejected ${number(rejected)}`,
    `in mailboxes ${number(waiting)}`,
    `missed ${number(dropped)} (counted ${number(missed)})`,
    ...(lost > 0 ? [`UNACCOUNTED FOR ${number(lost)}`] : []),
  ];
  return `Synced devices: copies ${number(due)}, ${number(own)} of them of sent messages = ${parts.join(' + ')}`;
}

/** The violations in words, the first of each kind with the message's whole story. */
export function storiesOf(
  violations: readonly Violation[],
  timeline: (message: NonNullable<Violation['message']>) => string,
): string {
  const story = ({ guarantee, what, message }: Violation) => {
    const title = styleText('red', `${guarantee}: ${what}`);
    if (!message) return title;
    const { from, to, id } = message;
    return `${title}\n  message ${id} from ${from} to ${to}\n${timeline(message)}`;
  };
  const kinds = Map.groupBy(
    violations,
    ({ guarantee, what }) => `${guarantee} ${what.replaceAll(/\d+/g, 'n')}`,
  );
  return [...kinds.values()]
    .flatMap((kind) => {
      const more = kind.length - MAX_STORIES;
      const told = kind.slice(0, MAX_STORIES).map(story);
      return more > 0 ? [...told, `  … and ${more} more of this kind`] : told;
    })
    .join('\n\n');
}
