import { addEntry, advance, markSeen, wired } from './entries.ts';
import { processNews, sentenceOf } from './story.ts';
import type { Happening, Person, Sentence, World } from './world.ts';

/** How much is kept to look back at. */
const MAX_PACKETS = 400;
const MAX_SENTENCES = 120;

/** The world after something happened. Pure: what needs a clock or a socket comes with the happening. */
export function reduce(world: World, event: Happening): World {
  switch (event.type) {
    case 'joined':
      return { ...world, people: [...world.people, event.person] };
    case 'left':
      return { ...world, people: world.people.filter(({ who }) => who !== event.who) };
    case 'changed':
      return ofPerson(world, event.who, (person) => ({ ...person, ...event.change }));
    case 'linked':
      return linked(world, event);
    case 'packet':
      return packetPassed(world, event);
    case 'wrote':
    case 'received':
      return ofPerson(world, event.who, (person) => ({
        ...person,
        entries: addEntry(person.entries, event.entry),
        typing: { ...person.typing, [event.entry.from]: 0 },
      }));
    case 'advanced':
      return ofPerson(world, event.who, (person) => ({
        ...person,
        entries: advance(person.entries, event.key, event.fates),
      }));
    case 'seen':
      return ofPerson(world, event.who, (person) => ({
        ...person,
        entries: markSeen(person.entries, new Set(event.keys)),
      }));
    case 'typing':
      return ofPerson(world, event.who, (person) => ({
        ...person,
        typing: { ...person.typing, [event.from]: event.until },
      }));
    case 'focused':
      return { ...world, focus: event.message, steps: [] };
    case 'traced':
      return event.message === world.focus && event.steps.length !== world.steps.length
        ? { ...world, steps: event.steps }
        : world;
    case 'processes':
      return tell(
        { ...world, processes: event.processes },
        processNews(world.processes, event.processes),
        event.at,
      );
    case 'said':
      return tell(world, [{ text: event.text, tone: event.tone }], event.at);
  }
}

function linked(world: World, { who, link, at }: Extract<Happening, { type: 'linked' }>): World {
  const before = world.people.find((person) => person.who === who);
  const next = ofPerson(world, who, (person) => ({ ...person, link }));
  if (before?.link.state !== 'online' || link.state === 'online') return next;
  const why = link.reason === undefined || link.reason === '' ? '' : ` (${link.reason})`;
  const text = `${before.user} lost the connection to ${before.gateway}${why}.`;
  return tell(next, [{ text, tone: 'warn' }], at);
}

function packetPassed(world: World, { packet }: Extract<Happening, { type: 'packet' }>): World {
  const n = (world.packets.at(-1)?.n ?? 0) + 1;
  const wiredPacket = { ...packet, n };
  const sentence = sentenceOf(world, wiredPacket);
  let next: World = { ...world, packets: [...world.packets, wiredPacket].slice(-MAX_PACKETS) };
  if (packet.type === 'msg:R')
    next = ofPerson(next, packet.who, (person) => ({
      ...person,
      entries: packet.messages.reduce(wired, person.entries),
    }));
  return sentence ? tell(next, [sentence], packet.at) : next;
}

function tell(world: World, sentences: readonly Omit<Sentence, 'n' | 'at'>[], at: number): World {
  const first = (world.story.at(-1)?.n ?? 0) + 1;
  const added = sentences.map((sentence, index) => ({ ...sentence, at, n: first + index }));
  return added.length === 0 ? world : { ...world, story: [...world.story, ...added].slice(-MAX_SENTENCES) };
}

function ofPerson(world: World, who: string, by: (person: Person) => Person): World {
  return { ...world, people: world.people.map((person) => (person.who === who ? by(person) : person)) };
}
