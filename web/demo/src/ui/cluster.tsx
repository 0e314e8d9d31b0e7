import type { Demo } from '../demo.ts';
import type { Process } from '../model/world.ts';

/** Services first, then what they stand on. */
const byRank = (a: Process, b: Process) => rank(a.name) - rank(b.name);
const RANKS = ['gateway', 'routing', 'ack', 'webhook', 'rabbitmq', 'postgres'];
const rank = (name: string) => RANKS.findIndex((kind) => name.startsWith(kind));

const TITLES: Record<string, string> = { rabbitmq: 'RabbitMQ', postgres: 'PostgreSQL' };

/** The processes of the local stack, each with what kills it. */
export function Cluster({ demo, processes }: { demo: Demo; processes: readonly Process[] }) {
  if (!demo.control) return null;
  return (
    <div class="cluster" role="group" aria-label="Kill a process">
      <span class="cluster-label" aria-hidden="true">
        Kill
      </span>
      {processes.toSorted(byRank).map(({ name, running }) => (
        <button
          key={name}
          type="button"
          class="process"
          data-running={running}
          disabled={!running}
          aria-label={`Kill ${TITLES[name] ?? name}`}
          onClick={() => void demo.kill(name)}
        >
          <span class="dot" />
          {TITLES[name] ?? name}
        </button>
      ))}
    </div>
  );
}
