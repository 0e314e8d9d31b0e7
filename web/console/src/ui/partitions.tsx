import type { Part, Partition } from '../model/answers.ts';
import { whole } from '../model/format.ts';
import { useConsole } from './context.ts';
import { Panel } from './panel.tsx';
import { Shown } from './states.tsx';
import { Table } from './table.tsx';
import { useLoad } from './use-load.ts';

/** Each time it opens a connection to the broker, milliseconds. */
const EVERY_MS = 5_000;

/** The route queues, and who takes them. */
export function PartitionsView() {
  const { api, overview } = useConsole();
  const loaded = useLoad(api.partitions, EVERY_MS);
  const parts = overview.value?.parts ?? [];
  return (
    <Shown loaded={loaded} rows={8}>
      {({ partitions }) => (
        <Panel title="Route queues">
          <Table
            caption="Route queues"
            rows={partitions}
            keyOf={({ queue }) => queue}
            columns={[
              { head: 'Partition', number: true, cell: ({ partition }) => partition },
              { head: 'Queue', cell: ({ queue }) => <code>{queue}</code> },
              { head: 'Waiting', number: true, cell: ({ waiting }) => whole(waiting) },
              { head: 'Consumers', number: true, cell: ({ consumers }) => consumers },
              { head: 'Active', cell: (partition) => <Active {...{ partition, parts }} /> },
            ]}
          />
          <p class="hint">
            Waiting: AMQP messages, each with one or more entries. An instance is known to be active once it
            has received work from the queue.
          </p>
        </Panel>
      )}
    </Shown>
  );
}

function Active({
  partition: { partition, consumers },
  parts,
}: {
  partition: Partition;
  parts: readonly Part[];
}) {
  if (consumers === 0)
    return (
      <span class="state" data-level="bad">
        <span class="dot" /> nobody: start routing
      </span>
    );
  const active = parts.filter(({ figures }) => figures?.partitions.includes(partition));
  if (active.length === 0) return <span class="soft">no work yet</span>;
  return (
    <span class="state" data-level="good">
      <span class="dot" /> {active.map(({ name }) => name).join(', ')}
    </span>
  );
}
