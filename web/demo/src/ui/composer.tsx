import { useState } from 'preact/hooks';
import type { Demo } from '../demo.ts';
import type { Person, World } from '../model/world.ts';
import { Send } from './icons.tsx';

interface Props {
  demo: Demo;
  world: World;
  person: Person;
  /** Of the key that comes here. */
  number: number;
}

/** A user id that is short enough for this page. */
export const USER = '[A-Za-z0-9_.:@\\-]{1,32}';

/** Who gets it, and what. */
export function Composer({ demo, world, person, number }: Props) {
  const [text, setText] = useState('');
  const canSend = text.trim() !== '' && person.to.length > 0;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!canSend) return;
    demo.send(person, text.trim());
    setText('');
  };
  const write = (now: string) => {
    setText(now);
    if (now !== '') demo.typing(person);
  };
  return (
    <form class="composer" onSubmit={submit}>
      <Receivers {...{ demo, world, person, number }} />
      <div class="write">
        <input
          id={`write-${person.who}`}
          value={text}
          maxLength={2_000}
          autocomplete="off"
          enterkeyhint="send"
          aria-label={`Message of ${person.user}`}
          placeholder={person.to.length === 0 ? 'Choose a receiver' : `Message to ${person.to.join(', ')}`}
          onInput={({ currentTarget }) => write(currentTarget.value)}
        />
        <button type="submit" class="send" aria-label={`Send as ${person.user}`} disabled={!canSend}>
          <Send />
        </button>
      </div>
    </form>
  );
}

/** One, or several: a group. */
function Receivers({ demo, world, person, number }: Props) {
  const names = [...world.people.map(({ user }) => user), ...person.to].filter(
    (name) => name !== person.user,
  );
  const toggle = (name: string) =>
    demo.choose(person, (to) => (to.includes(name) ? to.filter((each) => each !== name) : [...to, name]));
  return (
    <div class="to" role="group" aria-label={`Receivers of ${person.user}`}>
      <span class="to-label" aria-hidden="true">
        To
      </span>
      {[...new Set(names)].map((name) => (
        <button
          key={name}
          type="button"
          class="chip"
          aria-pressed={person.to.includes(name)}
          onClick={() => toggle(name)}
        >
          {name}
        </button>
      ))}
      <AddReceiver {...{ demo, person }} />
      <kbd title={`Alt+${number} writes as ${person.user}`}>Alt {number}</kbd>
    </div>
  );
}

/** Somebody who is not on this page: in another tab, or another program. */
function AddReceiver({ demo, person }: Pick<Props, 'demo' | 'person'>) {
  const add = (input: HTMLInputElement) => {
    const name = input.value.trim();
    if (name === '' || name === person.user || !input.checkValidity()) return;
    demo.choose(person, (to) => [...new Set([...to, name])]);
    input.value = '';
  };
  return (
    <input
      class="add"
      aria-label={`Another receiver of ${person.user}`}
      placeholder="+ name"
      maxLength={32}
      autocomplete="off"
      pattern={USER}
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return;
        event.preventDefault();
        add(event.currentTarget);
      }}
    />
  );
}
