import type { Overview, Part } from '../model/answers.ts';
import { age, bytes, percent, whole } from '../model/format.ts';
import type { Point } from '../model/rates.ts';
import { useConsole } from './context.ts';
import { Panel } from './panel.tsx';
import { Rates } from './rates.tsx';
import { Empty, Shown } from './states.tsx';
import { type Column, Table } from './table.tsx';

/** What runs, how much goes through it, and how fast. */
export function OverviewView() {
  const { overview } = useConsole();
  return (
    <Shown loaded={overview} rows={8}>
      {(value) =>
        value.parts.length === 0 ? (
          <Empty title="No services are named">
            Set METRICS_URLS to their addresses, such as http://gateway:8080, and restart the console.
          </Empty>
        ) : (
          <>
            <Rates overview={value} points={overview.points} />
            <Processes overview={value} last={overview.points.at(-1)} />
          </>
        )
      }
    </Shown>
  );
}

/** Gateways; then the others. */
function Processes({ overview: { at, parts }, last }: { overview: Overview; last: Point | undefined }) {
  const gateways = parts.filter(({ kind }) => kind === 'gateway');
  const others = parts.filter(({ kind }) => kind !== 'gateway');
  const memory: Column<Part>[] = [
    number('Memory', ({ figures }) => figures && bytes(figures.memoryBytes)),
    number('CPU', ({ figures, http }) => figures && percent(last?.cpu[http])),
    number('Up', ({ figures }) => figures && age(figures.startedAt * 1_000, at)),
  ];
  return (
    <>
      <Panel title="Gateways">
        {gateways.length === 0 ? (
          <Empty title="No gateway answers" />
        ) : (
          <Table
            caption="Gateways"
            rows={gateways}
            keyOf={({ http }) => http}
            columns={[
              { head: 'Name', cell: name },
              { head: 'State', cell: (part) => <State part={part} /> },
              number('Sessions', ({ figures }) => figures && whole(figures.sessions)),
              number('In flight', ({ figures }) => figures && whole(figures.inflight)),
              number('Unread', ({ figures }) => figures && bytes(figures.sendBufferBytes)),
              ...memory,
            ]}
          />
        )}
      </Panel>
      <Panel title="Routing, ack and others">
        <Table
          caption="Other processes"
          rows={others}
          keyOf={({ http }) => http}
          columns={[
            { head: 'Name', cell: name },
            { head: 'State', cell: (part) => <State part={part} /> },
            number('Partitions', ({ kind, figures }) =>
              kind === 'routing' ? figures?.partitions.length : '',
            ),
            number('Unacked', ({ figures }) => figures && whole(figures.unackedDeliveries)),
            ...memory,
          ]}
        />
      </Panel>
    </>
  );
}

/** @param of null and undefined: not known */
const number = (head: string, of: (part: Part) => string | number | null | undefined): Column<Part> => ({
  head,
  number: true,
  cell: (part) => of(part) ?? '–',
});

const name = ({ name: text, http }: Part) => (
  <span class="part-name">
    {text}
    <small>{http.replace(/^https?:\/\//, '')}</small>
  </span>
);

const WORDS = { ready: 'ready', not_ready: 'not ready', unreachable: 'unreachable' };

function State({ part: { state, reasons, figures } }: { part: Part }) {
  const lost = [
    ...(figures && !figures.brokerConnected ? ['no broker'] : []),
    ...(figures?.databaseConnected === false ? ['no database'] : []),
  ];
  const why = reasons.length > 0 ? reasons : lost;
  return (
    <span class="state" data-level={state === 'ready' ? 'good' : 'bad'}>
      <span class="dot" /> {WORDS[state]}
      {why.length > 0 && <small>{why.join('; ')}</small>}
    </span>
  );
}
