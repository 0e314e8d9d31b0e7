import { useCallback, useState } from 'preact/hooks';
import type { Device, Session, User } from '../model/answers.ts';
import { age, whole } from '../model/format.ts';
import { Confirm } from './confirm.tsx';
import { useConsole } from './context.ts';
import { Panel } from './panel.tsx';
import { Search, USER } from './search.tsx';
import { Empty, Shown } from './states.tsx';
import { type Column, Table } from './table.tsx';
import { useLoad } from './use-load.ts';

/** Looks a user up; disconnects and revokes. */
export function UsersView({ params }: { params: Record<string, string> }) {
  const { user } = params;
  return (
    <>
      <Search view="users" params={params} fields={[{ name: 'user', label: 'User', ...USER }]} />
      {user === undefined ? (
        <Empty title="Look up a user">Sessions, devices, and what waits in the mailbox.</Empty>
      ) : (
        <OneUser key={user} name={user} />
      )}
    </>
  );
}

/** What is asked before it is done. */
type Asked = { action: 'revoke' } | { action: 'disconnect'; device: string | undefined };

function OneUser({ name }: { name: string }) {
  const { api, announce } = useConsole();
  const loaded = useLoad(useCallback(() => api.user(name), [api, name]));
  const [asked, setAsked] = useState<Asked>();
  const act = async () => {
    if (asked?.action === 'revoke') {
      await api.revoke(name);
      announce(`Revoked: sessions of ${name} are ended, and tokens issued before now are refused.`);
    } else {
      const { sessions } = await api.disconnect(name, asked?.device);
      announce(`Disconnected ${name}: ${sessions.map(({ device }) => device).join(', ')}.`);
    }
    loaded.reload();
  };
  return (
    <>
      <Shown loaded={loaded} rows={6}>
        {(user) => <Details user={user} ask={setAsked} />}
      </Shown>
      {asked && (
        <Confirm {...textsOf(asked, name)} typed={name} act={act} close={() => setAsked(undefined)}>
          {asked.action === 'revoke' ? (
            <p>
              All sessions end with “revoked”, and tokens issued before now are refused. The user comes back
              with a new token only.
            </p>
          ) : (
            <p>The client may come back at once. Messages that it has not confirmed are in the mailbox.</p>
          )}
        </Confirm>
      )}
    </>
  );
}

function textsOf(asked: Asked, name: string): { title: string; label: string } {
  if (asked.action === 'revoke') return { title: `Revoke ${name}?`, label: 'Revoke' };
  const where = asked.device === undefined ? '' : ` on ${asked.device}`;
  return { title: `Disconnect ${name}${where}?`, label: 'Disconnect' };
}

function Details({ user, ask }: { user: User; ask: (asked: Asked) => void }) {
  const { sessions, devices } = user;
  const now = Date.now();
  return (
    <>
      <Panel title={user.user} actions={<Actions sessions={sessions.length} ask={ask} />}>
        <Facts user={user} now={now} />
      </Panel>
      <Panel title="Sessions">
        {sessions.length === 0 ? (
          <Empty title="Not connected" />
        ) : (
          <Table
            caption="Sessions"
            rows={sessions}
            keyOf={({ session }) => session}
            columns={sessionColumns(now, ask)}
          />
        )}
      </Panel>
      <Panel title="Synced devices">
        {devices.length === 0 ? (
          <Empty title="No synced device">The user has one mailbox for all devices.</Empty>
        ) : (
          <Table
            caption="Synced devices"
            rows={devices}
            keyOf={({ device }) => device}
            columns={deviceColumns(now)}
          />
        )}
      </Panel>
    </>
  );
}

const Actions = ({ sessions, ask }: { sessions: number; ask: (asked: Asked) => void }) => (
  <>
    <button
      type="button"
      class="button"
      disabled={sessions === 0}
      onClick={() => ask({ action: 'disconnect', device: undefined })}
    >
      Disconnect all
    </button>
    <button type="button" class="button danger" onClick={() => ask({ action: 'revoke' })}>
      Revoke
    </button>
  </>
);

/** What waits, and how long it has. */
function Facts({ user: { mailbox, sessions }, now }: { user: User; now: number }) {
  const { messages, oldestMessage, receipts, oldestReceipt, senders } = mailbox;
  const oldest = (count: number, at: number | null) => (count > 0 ? `oldest ${age(at, now)}` : undefined);
  return (
    <dl class="facts">
      <Fact label="Sessions" value={whole(sessions.length)} />
      <Fact label="Messages waiting" value={whole(messages)} note={oldest(messages, oldestMessage)} />
      <Fact label="Receipts waiting" value={whole(receipts)} note={oldest(receipts, oldestReceipt)} />
      <Fact
        label="Most messages from"
        value={senders[0]?.sender ?? '–'}
        note={senders.map((one) => `${one.sender} ${whole(one.messages)}`).join(', ')}
      />
    </dl>
  );
}

const Fact = ({ label, value, note }: { label: string; value: string; note?: string | undefined }) => (
  <div class="fact">
    <dt>{label}</dt>
    <dd>
      <span class="figure">{value}</span>
      {note !== undefined && note !== '' && <small>{note}</small>}
    </dd>
  </div>
);

const sessionColumns = (now: number, ask: (asked: Asked) => void): Column<Session>[] => [
  { head: 'Device', cell: ({ device }) => device },
  { head: 'Gateway', cell: ({ gateway }) => gateway },
  { head: 'Connected for', number: true, cell: ({ since }) => age(since, now) },
  { head: 'Counts', cell: ({ present }) => (present ? 'yes' : 'no: its gateway is silent') },
  {
    head: '',
    cell: ({ device }) => (
      <button
        type="button"
        class="button small"
        aria-label={`Disconnect ${device}`}
        onClick={() => ask({ action: 'disconnect', device })}
      >
        Disconnect
      </button>
    ),
  },
];

const deviceColumns = (now: number): Column<Device>[] => [
  { head: 'Device', cell: ({ device }) => device },
  { head: 'Known for', number: true, cell: ({ since }) => age(since, now) },
  { head: 'Last seen', number: true, cell: ({ lastSeen }) => age(lastSeen, now) },
  { head: 'Messages', number: true, cell: ({ messages }) => whole(messages) },
  { head: 'Receipts', number: true, cell: ({ receipts }) => whole(receipts) },
];
