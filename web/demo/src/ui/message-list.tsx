import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Demo } from '../demo.ts';
import type { Person, World } from '../model/world.ts';
import { Message } from './message.tsx';
import { useTick } from './use-world.ts';

interface Props {
  demo: Demo;
  world: World;
  person: Person;
}

/** Nearer to the end than this, the list follows new messages, pixels. */
const NEAR = 80;

export function MessageList({ demo, world, person }: Props) {
  const list = useRef<HTMLOListElement>(null);
  const isAtEnd = useRef(true);
  const { entries, user } = person;
  useLayoutEffect(() => {
    const element = list.current;
    if (element && isAtEnd.current) element.scrollTop = element.scrollHeight;
  }, [entries.length]);
  return (
    <div class="chat">
      {entries.length === 0 && <Empty {...{ demo, person }} />}
      <ol
        ref={list}
        class="messages"
        tabIndex={entries.length === 0 ? -1 : 0}
        aria-label={`Messages of ${user}`}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
        }}
        onKeyDown={moveByArrows}
      >
        {entries.map((entry, index) => (
          <Message
            key={entry.key}
            entry={entry}
            isLast={index === entries.length - 1}
            isFocus={world.focus === entry.key}
            choose={() => demo.focus(world.focus === entry.key ? undefined : entry.key)}
            user={user}
          />
        ))}
      </ol>
      <Typing person={person} />
    </div>
  );
}

const Empty = ({ demo, person }: Pick<Props, 'demo' | 'person'>) => (
  <div class="empty">
    <p>No messages yet.</p>
    <button
      type="button"
      class="hello"
      disabled={person.to.length === 0}
      onClick={() => demo.send(person, `Hello ${person.to.join(', ')}!`)}
    >
      Say hello to {person.to.join(', ') || 'somebody'}
    </button>
  </div>
);

/** It has its place whether somebody types or not: nothing jumps. */
function Typing({ person }: { person: Person }) {
  const now = useTick(1_000);
  const names = Object.entries(person.typing).flatMap(([name, until]) => (until > now ? name : []));
  return (
    <p class="typing" aria-live="polite">
      {names.length > 0 && (
        <>
          {names.join(', ')} {names.length === 1 ? 'is' : 'are'} typing{' '}
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
        </>
      )}
    </p>
  );
}

function moveByArrows(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step === undefined) return;
  const bubbles = [...event.currentTarget.querySelectorAll<HTMLElement>('.bubble')];
  const at = bubbles.findIndex((bubble) => bubble === document.activeElement);
  const next = at === -1 ? bubbles.at(-1) : bubbles[at + step];
  event.preventDefault();
  next?.focus();
}
