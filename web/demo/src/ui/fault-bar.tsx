import type { Demo } from '../demo.ts';
import { DROPPABLE, type Droppable, toggleDrop } from '../model/faults.ts';
import type { Person } from '../model/world.ts';
import { NoNetwork } from './icons.tsx';

const DELAYS = [0, 300, 1_000, 3_000];

/** What is wrong with this person's network. */
export function FaultBar({ demo, person }: { demo: Demo; person: Person }) {
  const { faults, user } = person;
  return (
    <div class="faults" role="group" aria-label={`Faults of ${user}`}>
      <button
        type="button"
        class="fault"
        aria-pressed={faults.offline}
        onClick={() => demo.setFaults(person, (now) => ({ ...now, offline: !now.offline }))}
      >
        <NoNetwork /> Offline
      </button>
      <label class="fault delay" data-on={faults.delayMs > 0}>
        <span class="sr">Delay for {user}</span>
        <select
          value={String(faults.delayMs)}
          onChange={({ currentTarget }) => {
            const delayMs = Number(currentTarget.value);
            demo.setFaults(person, (now) => ({ ...now, delayMs }));
          }}
        >
          {DELAYS.map((ms) => (
            <option key={ms} value={String(ms)}>
              {ms === 0 ? 'no delay' : `+${ms / 1_000} s`}
            </option>
          ))}
        </select>
      </label>
      <span class="drop" role="group" aria-label={`Lose the next packet of ${user}`}>
        <span aria-hidden="true" title="Lose the next packet of this type">
          Lose
        </span>
        {(Object.keys(DROPPABLE) as Droppable[]).map((type) => (
          <button
            key={type}
            type="button"
            class="fault"
            aria-pressed={faults.drop.includes(type)}
            onClick={() => demo.setFaults(person, (now) => toggleDrop(now, type))}
          >
            {type}
          </button>
        ))}
      </span>
    </div>
  );
}
