import { keyOf } from './wire.ts';

/** The true state of a message. `queued`: no gateway was asked yet; `sent`: asked, and it has not answered. */
export type State = 'queued' | 'sent' | 'accepted' | 'stored' | 'delivered' | 'read' | 'rejected' | 'failed';

/** How far a state is; none goes back. */
const RANK: Record<State, number> = {
  queued: 0,
  failed: 0,
  sent: 1,
  accepted: 2,
  stored: 3,
  delivered: 4,
  rejected: 4,
  read: 5,
};

/** One receiver, and the state of the message there. */
export interface Fate {
  readonly to: string;
  readonly state: State;
  readonly reason?: string | undefined;
}

/** A message in the list of a person. */
export interface Entry {
  /** `sender/id`. */
  readonly key: string;
  readonly from: string;
  readonly id: string;
  readonly text: string;
  /** Milliseconds since the epoch; the list is sorted by it. */
  readonly at: number;
  /** Set for what this person sent, from here or another device. */
  readonly fates?: readonly Fate[] | undefined;
  /** Sent from this device. */
  readonly mine?: boolean | undefined;
  /** How often msg:R was on the wire. */
  readonly tries?: number | undefined;
  /** For what came: the proof for read:R, and whether the person has looked. */
  readonly read?: string | undefined;
  readonly seen?: boolean | undefined;
  /** Others that got it too, as far as the sender said so. */
  readonly group?: readonly string[] | undefined;
}

/** Most messages kept for a person: the page is for looking, not for an archive. */
const KEEP = 200;

/** Adds a message; one that is there already stays as it is, so that it shows once. */
export function addEntry(entries: readonly Entry[], entry: Entry): readonly Entry[] {
  if (entries.some(({ key }) => key === entry.key)) return entries;
  return [...entries, entry].toSorted((a, b) => a.at - b.at).slice(-KEEP);
}

/** The states that are further than those known. */
export function advance(entries: readonly Entry[], key: string, news: readonly Fate[]): readonly Entry[] {
  return change(entries, key, (entry) => {
    const fates = entry.fates?.map((fate) => {
      const next = news.find(({ to }) => to === fate.to);
      return next && isFurther(fate.state, next.state) ? next : fate;
    });
    return fates?.every((fate, index) => fate === entry.fates?.[index]) ? entry : { ...entry, fates };
  });
}

/** msg:R went out: to the receivers that have no receipt. */
export const wired = (entries: readonly Entry[], key: string): readonly Entry[] =>
  change(entries, key, (entry) => ({
    ...entry,
    tries: (entry.tries ?? 0) + 1,
    fates: entry.fates?.map((fate) => (fate.state === 'queued' ? { ...fate, state: 'sent' as const } : fate)),
  }));

/** The person has looked at these. */
export const markSeen = (entries: readonly Entry[], keys: ReadonlySet<string>): readonly Entry[] =>
  entries.map((entry) => (keys.has(entry.key) ? { ...entry, seen: true } : entry));

/** What came and was not looked at. */
export const unseen = (entries: readonly Entry[]): readonly Entry[] =>
  entries.filter(({ fates, seen }) => fates === undefined && seen !== true);

/** The state that is least advanced, which is that of the message. */
export function stateOf({ fates = [] }: Pick<Entry, 'fates'>): State | undefined {
  return fates.map(({ state }) => state).toSorted((a, b) => RANK[a] - RANK[b])[0];
}

function isFurther(from: State, to: State): boolean {
  if (to === 'failed') return RANK[from] <= RANK.sent;
  if (from === 'rejected') return false;
  return RANK[to] > RANK[from];
}

function change(entries: readonly Entry[], key: string, by: (entry: Entry) => Entry): readonly Entry[] {
  return entries.map((entry) => (entry.key === key ? by(entry) : entry));
}

/** A name for a new message's entry. */
export const sentEntry = (
  from: string,
  id: string,
  to: readonly string[],
  text: string,
  at: number,
): Entry => ({
  ...{ key: keyOf(from, id), from, id, text, at, mine: true, tries: 0 },
  fates: to.map((each) => ({ to: each, state: 'queued' })),
});
