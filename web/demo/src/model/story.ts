import type { Wired } from './wire.ts';
import type { Process, Sentence, World } from './world.ts';

type Told = Omit<Sentence, 'n' | 'at'>;

/** Longest excerpt of a text in a sentence. */
const EXCERPT = 24;

/** What a packet means, in one sentence, or undefined where it says nothing new. `world` is as it was before. */
export function sentenceOf(world: World, packet: Wired): Told | undefined {
  const [message] = packet.messages;
  if (packet.fate === 'dropped') return { ...lost(world, packet), message };
  const told = TELLERS[packet.type]?.(world, packet);
  return told && { ...told, message: told.message ?? message };
}

type Teller = (world: World, packet: Wired) => Told | undefined;

const TELLERS: Record<string, Teller | undefined> = {
  'login:A': (_, { user, gateway }) => good(`${user} is online at ${gateway}.`),
  'msg:R': (world, packet) => {
    const { user, gateway, to } = packet;
    const what = quoted(world, packet);
    const again = before(world, packet).length;
    if (again > 0)
      return warn(
        `No receipt yet: ${user} sends ${what} to ${list(to)} again, with the same id (try ${again + 1}).`,
      );
    return plain(`${user} sends ${what} to ${list(to)} through ${gateway}.`);
  },
  'msg:A': (world, packet) =>
    good(`RabbitMQ has ${quoted(world, packet)} on disk: from here on the server alone is responsible.`),
  'msg:N': (world, packet) => {
    const { user, gateway } = packet;
    if (before(world, packet).some(({ fate }) => fate === 'passed'))
      return warn(
        `${user} gets ${quoted(world, packet)} again. The client knows it: it shows it once, and confirms again.`,
      );
    return plain(`Routing found ${user} at ${gateway}, which hands over ${quoted(world, packet)}.`);
  },
  'ack:R': (world, packet) => plain(`${packet.user} has ${quoted(world, packet)}, and confirms it.`),
  'ack:N': (world, packet) => receipt(world, packet),
  'offline:N': (world, packet) => mailbox(world, packet),
  'read:R': (world, packet) => plain(`${packet.user} has looked at ${quoted(world, packet)}.`),
  error: (_, { user, detail }) => warn(`The gateway refuses a packet of ${user}: ${detail}.`),
  bye: (_, { user, gateway, detail }) => warn(`${gateway} says goodbye to ${user}: ${detail}.`),
};

function receipt(world: World, packet: Wired): Told {
  const what = quoted(world, packet);
  const { user, to, detail } = packet;
  if (detail === 'stored')
    return warn(`${list(to)} is away: ${what} waits in the mailbox, and ${user} is told so.`);
  if (detail === 'rejected') return bad(`${what} will not be delivered to ${list(to)}; ${user} is told so.`);
  return good(`${user} knows now: ${list(to)} has ${what}.`);
}

function mailbox(world: World, packet: Wired): Told | undefined {
  const { user, detail } = packet;
  if (detail === 'empty') return undefined;
  if (detail === 'hint')
    return plain(`Something was stored for ${user}: the gateway gives a hint, and the client asks.`);
  const own = packet.messages.every((key) => key.startsWith(`${user}/`));
  if (own) return good(`${user}'s mailbox has a receipt: ${quoted(world, packet)} is ${detail}.`);
  return good(
    `${user}'s mailbox hands over ${packet.messages.length === 1 ? quoted(world, packet) : `${packet.messages.length} entries`}.`,
  );
}

/** Sentences for packets that a fault dropped: what will happen now. */
function lost(world: World, packet: Wired): Told {
  const what = quoted(world, packet);
  const { user } = packet;
  const rest: Record<string, string> = {
    'msg:N': `${user} never sees this copy. Without ack:R it goes to the mailbox, or comes again.`,
    'ack:R': `The gateway believes that ${user} has nothing, and will offer it again.`,
    'ack:N': `${user} does not learn the result, and will send again: the receiver shows it once.`,
  };
  return warn(`The network lost ${packet.type} for ${what}. ${rest[packet.type] ?? ''}`.trimEnd());
}

/** What changed among the processes of the stack. */
export function processNews(before: readonly Process[], now: readonly Process[]): Told[] {
  return before.flatMap((old) => {
    const next = now.find(({ name }) => name === old.name);
    if (!next || (next.pid === old.pid && next.running === old.running)) return [];
    if (!next.running) return [bad(`${old.name} is dead.`)];
    return [good(`${old.name} runs again, as process ${next.pid}.`)];
  });
}

/** Earlier packets of the same type and message at the same person. */
const before = (world: World, { who, type, messages }: Wired): Wired[] =>
  world.packets.filter(
    (old) => old.who === who && old.type === type && old.messages.includes(messages[0] ?? ''),
  );

function quoted(world: World, { messages }: Wired): string {
  const entries = world.people.flatMap((person) => person.entries);
  const text = entries.find(({ key }) => key === messages[0])?.text;
  if (text === undefined) return 'a message';
  return `“${text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text}”`;
}

const list = (names: readonly string[]): string => names.join(', ') || 'somebody';

const told =
  (tone: Sentence['tone']) =>
  (text: string): Told => ({ text, tone });
const plain = told('plain');
const good = told('good');
const warn = told('warn');
const bad = told('bad');
