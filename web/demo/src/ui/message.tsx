import { type Entry, type Fate, type State, stateOf } from '../model/entries.ts';

interface Props {
  entry: Entry;
  user: string;
  isLast: boolean;
  isFocus: boolean;
  choose: () => void;
}

const clock = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});

/** How much of the track is filled, by state. */
const STEPS: Record<State, number> = {
  ...{ queued: 0, failed: 0, sent: 1, accepted: 2, stored: 2, rejected: 3, delivered: 3, read: 4 },
};

/** A message; pressing it highlights its packets. */
export function Message({ entry, user, isLast, isFocus, choose }: Props) {
  const { from, text, at, fates, tries = 0, group } = entry;
  const isOwn = from === user && fates !== undefined;
  return (
    <li class="message" data-own={isOwn} data-focus={isFocus}>
      <button
        type="button"
        class="bubble"
        tabIndex={isLast ? 0 : -1}
        aria-pressed={isFocus}
        title="Show its packets"
        onClick={choose}
      >
        {!isOwn && (
          <span class="from">
            {from}
            {group && ` to ${group.join(', ')}`}
          </span>
        )}
        <span class="text">{text}</span>
      </button>
      <div class="meta">
        <time dateTime={new Date(at).toISOString()}>{clock.format(at)}</time>
        {isOwn && tries > 1 && <span class="tries">{tries} tries</span>}
        {isOwn && <Fates fates={fates} />}
      </div>
    </li>
  );
}

/** One state for one receiver; a line each for a group. */
function Fates({ fates }: { fates: readonly Fate[] }) {
  const [only] = fates;
  if (fates.length === 1 && only) return <StateMark state={only.state} reason={only.reason} to={only.to} />;
  return (
    <ul class="fates" data-state={stateOf({ fates })}>
      {fates.map(({ to, state, reason }) => (
        <li key={to}>
          <StateMark {...{ to, state, reason }} named />
        </li>
      ))}
    </ul>
  );
}

function StateMark({ state, reason, to, named }: Fate & { named?: boolean }) {
  return (
    <span class="state" data-state={state} title={reason}>
      {named && <span class="receiver">{to}</span>}
      <span class="track" aria-hidden="true">
        {[1, 2, 3, 4].map((step) => (
          <i key={step} data-on={step <= STEPS[state]} />
        ))}
      </span>
      <span class="label">{state}</span>
    </span>
  );
}
