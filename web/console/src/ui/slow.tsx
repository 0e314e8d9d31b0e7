import { bytes, duration, whole } from '../model/format.ts';
import { hashOf } from '../model/route.ts';
import { useConsole } from './context.ts';
import { Panel } from './panel.tsx';
import { Empty, Shown } from './states.tsx';
import { Table } from './table.tsx';
import { useLoad } from './use-load.ts';

/** Sessions that have not settled what they were sent. */
export function SlowView() {
  const { api } = useConsole();
  const loaded = useLoad(api.slow);
  const again = (
    <button type="button" class="button" disabled={loaded.busy} onClick={loaded.reload}>
      Ask again
    </button>
  );
  return (
    <Shown loaded={loaded} rows={5}>
      {({ sessions, total, unsettled, silent }) => (
        <>
          {silent.length > 0 && (
            <p class="note bad" role="alert">
              <strong>No answer from {silent.join(', ')}.</strong> It hangs, or its queue is too long: see
              Overview.
            </p>
          )}
          <Panel
            title={`${whole(unsettled)} of ${whole(total)} sessions have something unsettled`}
            actions={again}
          >
            {sessions.length === 0 ? (
              <Empty title="No slow receivers">All sessions have confirmed what they were sent.</Empty>
            ) : (
              <Table
                caption="Sessions, most messages first"
                rows={sessions}
                keyOf={({ session }) => session}
                columns={[
                  { head: 'User', cell: ({ user }) => <a href={hashOf('users', { user })}>{user}</a> },
                  { head: 'Device', cell: ({ device }) => device },
                  { head: 'Gateway', cell: ({ gateway }) => gateway },
                  { head: 'Messages', number: true, cell: ({ messages }) => whole(messages) },
                  {
                    head: 'Unanswered for',
                    number: true,
                    cell: ({ unansweredMs }) => (unansweredMs === null ? '–' : duration(unansweredMs)),
                  },
                  { head: 'Waiting', number: true, cell: ({ waitingBytes }) => bytes(waitingBytes) },
                  { head: 'Unread', number: true, cell: ({ sendBufferBytes }) => bytes(sendBufferBytes) },
                ]}
              />
            )}
          </Panel>
        </>
      )}
    </Shown>
  );
}
