import { useEffect, useRef } from 'preact/hooks';
import type { Demo } from '../demo.ts';
import { unseen } from '../model/entries.ts';
import type { Person, World } from '../model/world.ts';
import { Composer } from './composer.tsx';
import { FaultBar } from './fault-bar.tsx';
import { MessageList } from './message-list.tsx';
import { PersonHeader } from './person-header.tsx';

interface Props {
  demo: Demo;
  world: World;
  person: Person;
  number: number;
  /** On a phone only one is. */
  isShown: boolean;
}

/** One person: who and where, the chat, what to write, and what goes wrong. */
export function PersonCard({ demo, world, person, number, isShown }: Props) {
  const card = useRef<HTMLElement>(null);
  const news = unseen(person.entries).length;
  // What comes while the person works in this column is looked at.
  useEffect(() => {
    if (news > 0 && document.hasFocus() && card.current?.contains(document.activeElement)) demo.look(person);
  }, [news, demo, person]);
  const look = () => demo.look(person);
  return (
    <section
      ref={card}
      class="card"
      data-hue={person.who}
      data-shown={isShown}
      aria-label={`${person.user} on ${person.device}`}
      onFocusIn={look}
      onPointerDown={look}
    >
      <PersonHeader {...{ demo, world, person, news }} />
      <MessageList {...{ demo, world, person }} />
      <Composer {...{ demo, world, person, number }} />
      <FaultBar {...{ demo, person }} />
    </section>
  );
}
