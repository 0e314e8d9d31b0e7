import { useState } from 'preact/hooks';
import type { Dead, Letter, Outcome } from '../model/answers.ts';
import { age, whole } from '../model/format.ts';
import { Confirm } from './confirm.tsx';
import { useConsole } from './context.ts';
import { Panel } from './panel.tsx';
import { Empty, ErrorBox, Shown } from './states.tsx';
import { type Column, Table } from './table.tsx';
import { useLoad } from './use-load.ts';

/** Entries of a letter that are named. */
const NAMED = 2;

/** What no service could read: put back, or thrown away. */
export function DeadView() {
  const { api } = useConsole();
  const loaded = useLoad(api.dead);
  return (
    <Shown loaded={loaded} rows={5}>
      {(dead) => <Letters dead={dead} reload={loaded.reload} busy={loaded.busy} />}
    </Shown>
  );
}

function Letters({ dead, reload, busy }: { dead: Dead; reload: () => void; busy: boolean }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const { asks, setAsks, failed, error, requeue, discard } = useDeeds(() => {
    setChosen(new Set());
    reload();
  });
  const letters = dead.letters.filter(({ letter }) => chosen.has(letter));
  const names = letters.map(({ letter }) => letter);
  const returnable = letters.filter(({ target }) => target !== undefined).map(({ letter }) => letter);
  const toggle = (letter: string) => setChosen(new Set(chosen).symmetricDifference(new Set([letter])));
  return (
    <>
      {error !== undefined && <ErrorBox error={error} />}
      <Failed failed={failed} />
      <Panel
        title={`${whole(dead.letters.length)}${dead.more ? ' and more' : ''} in sixfold.dead`}
        actions={
          <Actions
            {...{ busy, reload }}
            returnable={returnable.length}
            chosen={names.length}
            requeue={() => void requeue(returnable)}
            discard={() => setAsks(true)}
          />
        }
      >
        {dead.letters.length === 0 ? (
          <Empty title="No dead letters">Every entry could be read and handled.</Empty>
        ) : (
          <Table
            caption="Dead letters"
            rows={dead.letters}
            keyOf={({ letter }) => letter}
            columns={columnsOf(chosen, toggle)}
          />
        )}
      </Panel>
      {asks && (
        <Confirm
          title={names.length === 1 ? 'Discard this letter?' : `Discard these ${names.length} letters?`}
          label="Discard"
          act={() => discard(names)}
          close={() => setAsks(false)}
        >
          <p>What is in them is lost. If the bug that brought them here is mended, requeue them instead.</p>
        </Confirm>
      )}
    </>
  );
}

interface ActionsProps {
  busy: boolean;
  reload: () => void;
  /** Numbers of letters. */
  returnable: number;
  chosen: number;
  requeue: () => void;
  discard: () => void;
}

const Actions = ({ busy, reload, returnable, chosen, requeue, discard }: ActionsProps) => (
  <>
    <button type="button" class="button" disabled={busy} onClick={reload}>
      Look again
    </button>
    <button type="button" class="button requeue" disabled={returnable === 0} onClick={requeue}>
      Requeue {returnable || ''}
    </button>
    <button type="button" class="button danger discard" disabled={chosen === 0} onClick={discard}>
      Discard {chosen || ''}
    </button>
  </>
);

/** Puts letters back and discards them. @param done the list is another one */
function useDeeds(done: () => void) {
  const { api, announce } = useConsole();
  const [asks, setAsks] = useState(false);
  const [failed, setFailed] = useState<Outcome['failed']>([]);
  const [error, setError] = useState<unknown>();
  const settle = (verb: string, outcome: Outcome) => {
    setFailed(outcome.failed);
    setError(undefined);
    announce(`${verb}: ${outcome.done.length}.`);
    done();
  };
  return {
    ...{ asks, setAsks, failed, error },
    requeue: async (letters: string[]) => {
      try {
        settle('Requeued', await api.requeue(letters));
      } catch (cause) {
        setError(cause);
      }
    },
    discard: async (letters: string[]) => settle('Discarded', await api.discard(letters)),
  };
}

const Failed = ({ failed }: { failed: Outcome['failed'] }) =>
  failed.length === 0 ? null : (
    <div class="note bad" role="alert">
      <p>
        <strong>These stay where they are:</strong>
      </p>
      <ul>
        {failed.map(({ letter, reason }) => (
          <li key={letter}>
            <code>{letter}</code> {reason}
          </li>
        ))}
      </ul>
    </div>
  );

const columnsOf = (chosen: ReadonlySet<string>, toggle: (letter: string) => void): Column<Letter>[] => [
  {
    head: 'Letter',
    cell: ({ letter }) => (
      <label class="choice">
        <input type="checkbox" checked={chosen.has(letter)} onChange={() => toggle(letter)} />
        <code>{letter}</code>
      </label>
    ),
  },
  { head: 'Age', number: true, cell: ({ at }) => age(at, Date.now()) },
  { head: 'Read from', cell: ({ queue }) => queue ?? 'unknown' },
  { head: 'Goes back to', cell: ({ target }) => target ?? 'cannot be requeued' },
  { head: 'Entries', cell: ({ entries }) => entriesText(entries) },
  { head: 'Reason', cell: ({ reason }) => <span class="reason">{reason}</span> },
];

function entriesText(entries: Letter['entries']): string {
  const named = entries.slice(0, NAMED).map(({ kind, from, user, to, id }) => {
    const names = [from ?? user, to].filter((name) => name !== undefined).join(' → ');
    return [kind, names, id].filter((text) => text !== undefined && text !== '').join(' ');
  });
  const others = entries.length > NAMED ? [`and ${entries.length - NAMED} more`] : [];
  return [...named, ...others].join(', ') || 'not readable';
}
