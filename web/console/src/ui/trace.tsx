import { useCallback } from 'preact/hooks';
import type { Step, Trace } from '../model/answers.ts';
import { age } from '../model/format.ts';
import { useConsole } from './context.ts';
import { Panel } from './panel.tsx';
import { MESSAGE, Search, USER } from './search.tsx';
import { Empty, Shown } from './states.tsx';
import { Table } from './table.tsx';
import { useLoad } from './use-load.ts';

const FIELDS = [
  { name: 'from', label: 'Sender', ...USER },
  { name: 'id', label: 'Message id', ...MESSAGE },
  { name: 'to', label: 'Receiver (optional)', ...USER, optional: true },
];

/** What became of one message. */
export function TraceView({ params }: { params: Record<string, string> }) {
  const { from, id, to = '' } = params;
  return (
    <>
      <Search view="trace" params={params} fields={FIELDS} />
      {from === undefined || id === undefined ? (
        <Empty title="Follow a message">
          A message is named by its sender and the id that the sender gave it. No bodies are shown.
        </Empty>
      ) : (
        <OneMessage key={`${from} ${id} ${to}`} {...{ from, id, to }} />
      )}
    </>
  );
}

function OneMessage({ from, id, to }: { from: string; id: string; to: string }) {
  const { api } = useConsole();
  const loaded = useLoad(useCallback(() => api.trace(from, id, to), [api, from, id, to]));
  const again = (
    <button type="button" class="button" disabled={loaded.busy} onClick={loaded.reload}>
      Look again
    </button>
  );
  return (
    <Shown loaded={loaded} rows={6}>
      {(trace) => (
        <>
          <Panel title="Where it waits now" actions={again}>
            <Waiting trace={trace} />
          </Panel>
          <Panel title="Steps">
            <Steps {...{ from, id, steps: trace.steps }} />
          </Panel>
        </>
      )}
    </Shown>
  );
}

function Waiting({ trace: { copies, receipts } }: { trace: Trace }) {
  const now = Date.now();
  const rows = [
    ...copies.map((copy) => ({ ...copy, what: 'message', state: 'waits to be fetched' })),
    ...receipts.map(({ state, reason, ...receipt }) => ({
      ...receipt,
      what: 'receipt',
      state: reason === null ? state : `${state}: ${reason}`,
    })),
  ];
  if (rows.length === 0)
    return (
      <Empty title="Nothing of it waits">
        It is settled and its sender knows, it is on its way, or it was never accepted.
      </Empty>
    );
  return (
    <Table
      caption="Copies and receipts"
      rows={rows}
      keyOf={({ what, to, device }) => `${what} ${to} ${device ?? ''}`}
      columns={[
        { head: 'What', cell: ({ what }) => what },
        { head: 'Receiver', cell: ({ to }) => to },
        { head: 'Device', cell: ({ device }) => device ?? '–' },
        { head: 'State', cell: ({ state }) => state },
        { head: 'For', number: true, cell: ({ storedAt }) => age(storedAt, now) },
      ]}
    />
  );
}

function Steps({ from, id, steps }: { from: string; id: string; steps: Step[] | null }) {
  if (steps === null)
    return (
      <Empty title="The console can read no logs here">
        Collect them with{' '}
        <code>
          docker compose logs --no-color gateway routing ack | npm run --silent trace -- {from} {id} -
        </code>
      </Empty>
    );
  const [first] = steps;
  if (!first)
    return (
      <Empty title="No step in the logs">
        Services write one line for each step with <code>LOG_LEVEL=trace npm start</code>.
      </Empty>
    );
  return (
    <ol class="steps">
      {steps.map(({ t, who, step, details }, index) => (
        <li key={index}>
          <span class="step-time">+{t - first.t} ms</span>
          <span class="step-name">{step}</span>
          <span class="step-who">{who}</span>
          <span class="step-details">
            {Object.entries(details)
              .map(([name, value]) => `${name} ${value}`)
              .join(' · ')}
          </span>
        </li>
      ))}
    </ol>
  );
}
