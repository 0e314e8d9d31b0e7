import { useEffect, useState } from 'preact/hooks';
import { type Demo, MAX_PEOPLE } from '../demo.ts';
import { unseen } from '../model/entries.ts';
import type { World } from '../model/world.ts';
import { Cluster } from './cluster.tsx';
import { Logo } from './icons.tsx';
import { PersonCard } from './person-card.tsx';
import { StoryPanel } from './story-panel.tsx';
import { useWorld } from './use-world.ts';
import { WirePanel } from './wire-panel.tsx';

const WIRE = 'wire';

export function App({ demo }: { demo: Demo }) {
  const world = useWorld(demo.store);
  const [view, setView] = useState(world.people[0]?.who ?? WIRE);
  const isOpen = view === WIRE || world.people.some(({ who }) => who === view);
  const shown = isOpen ? view : (world.people[0]?.who ?? WIRE);
  useShortcuts(demo, setView);
  return (
    <div class="app" data-view={shown === WIRE ? WIRE : 'person'}>
      <header class="top">
        <h1>
          <Logo /> Sixfold
        </h1>
        <p class="tagline">Every message arrives once, and its sender knows. Try to break it.</p>
        <Cluster demo={demo} processes={world.processes} />
      </header>
      <main class="panes">
        <section class="people" aria-label="People" data-count={world.people.length}>
          {world.people.map((person, index) => (
            <PersonCard
              key={person.who}
              {...{ demo, world, person }}
              number={index + 1}
              isShown={shown === person.who}
            />
          ))}
        </section>
        <div class="watch">
          <WirePanel {...{ demo, world }} />
          <StoryPanel {...{ demo, world }} />
        </div>
      </main>
      <Switcher {...{ world, shown, setView }} />
    </div>
  );
}

/** On a phone: one person, or the wire, at a time. */
function Switcher({
  world,
  shown,
  setView,
}: {
  world: World;
  shown: string;
  setView: (view: string) => void;
}) {
  const item = (view: string, label: string, count: number, hue: string) => (
    <button
      type="button"
      class="switch"
      data-hue={hue}
      aria-current={shown === view ? 'page' : undefined}
      onClick={() => setView(view)}
    >
      {label}
      {count > 0 && (
        <span class="count" aria-label={`${count} not read`}>
          {count}
        </span>
      )}
    </button>
  );
  return (
    <nav class="switcher" aria-label="Views">
      {world.people.map(({ who, user, entries }) => item(who, user, unseen(entries).length, who))}
      {item(WIRE, 'Wire', 0, WIRE)}
    </nav>
  );
}

/** Alt and a number: write as that person. Escape: no message is highlighted. */
function useShortcuts(demo: Demo, setView: (view: string) => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') demo.focus(undefined);
      const number = /^Digit([1-9])$/.exec(event.code)?.[1];
      if (!event.altKey || number === undefined || Number(number) > MAX_PEOPLE) return;
      const person = demo.store.world.people[Number(number) - 1];
      if (!person) return;
      event.preventDefault();
      setView(person.who);
      requestAnimationFrame(() => document.querySelector<HTMLElement>(`#write-${person.who}`)?.focus());
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [demo, setView]);
}
