import type { ComponentChildren } from 'preact';
import { type Demo, MAX_PEOPLE } from '../demo.ts';
import type { Person, World } from '../model/world.ts';
import { USER } from './composer.tsx';
import { Cross, Device, Plus, Restart } from './icons.tsx';

interface Props {
  demo: Demo;
  world: World;
  person: Person;
  /** How many messages were not looked at. */
  news: number;
}

const LINK = { connecting: 'connecting', online: 'online', waiting: 'reconnecting', closed: 'closed' };

export function PersonHeader({ demo, world, person, news }: Props) {
  const { user, device, link } = person;
  return (
    <header class="person">
      <span class="avatar" aria-hidden="true">
        {user.slice(0, 1).toUpperCase()}
        {news > 0 && <span class="count">{news}</span>}
      </span>
      <div class="who">
        <Name {...{ demo, person }} />
        <p class="link" data-state={link.state}>
          <span class="dot" />
          {device !== 'page' && `${device} · `}
          {LINK[link.state]}
        </p>
      </div>
      <label class="gateway">
        <span class="sr">Gateway of {user}</span>
        <select
          value={person.gateway}
          disabled={world.gateways.length < 2}
          onChange={({ currentTarget }) => void demo.moveTo(person, currentTarget.value)}
        >
          {world.gateways.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Tools {...{ demo, world, person }} />
    </header>
  );
}

/** Can be changed: the person is another user then. */
function Name({ demo, person }: Pick<Props, 'demo' | 'person'>) {
  const rename = (input: HTMLInputElement) => {
    if (input.checkValidity() && input.value !== '') void demo.rename(person, input.value);
    else input.value = person.user;
  };
  return (
    <input
      key={person.user}
      class="name"
      aria-label={`Name of ${person.user}`}
      defaultValue={person.user}
      maxLength={32}
      spellcheck={false}
      autocomplete="off"
      pattern={USER}
      onBlur={({ currentTarget }) => rename(currentTarget)}
      onKeyDown={({ key, currentTarget }) => {
        if (key === 'Enter') currentTarget.blur();
      }}
    />
  );
}

function Tools({ demo, world: { people }, person }: Pick<Props, 'demo' | 'world' | 'person'>) {
  const { user, who } = person;
  const isRoom = people.length < MAX_PEOPLE;
  return (
    <div class="tools">
      <Tool label={`Restart the app of ${user}`} run={() => void demo.restart(person)}>
        <Restart />
      </Tool>
      {isRoom && (
        <Tool label={`Second device for ${user}`} run={() => demo.addDevice(person)}>
          <Device />
        </Tool>
      )}
      {isRoom && who === people.at(-1)?.who && (
        <Tool label="Add a person" run={() => demo.addPerson()}>
          <Plus />
        </Tool>
      )}
      {people.length > 2 && (
        <Tool label={`Remove ${user}`} run={() => demo.remove(person)}>
          <Cross />
        </Tool>
      )}
    </div>
  );
}

interface ToolProps {
  label: string;
  run: () => void;
  children: ComponentChildren;
}

const Tool = ({ label, run, children }: ToolProps) => (
  <button type="button" class="tool" aria-label={label} title={label} onClick={run}>
    {children}
  </button>
);
