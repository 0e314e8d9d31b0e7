import type { Wired } from './wire.ts';
import type { Person, World } from './world.ts';

/** A vertical line of the diagram. */
export interface Lifeline {
  readonly key: string;
  readonly kind: 'person' | 'gateway' | 'broker';
  readonly label: string;
  readonly x: number;
  /** Of a person. */
  readonly who?: string;
  /** The sender's side of the broker, or the receivers'. */
  readonly side?: 'left' | 'right';
}

/**
 * Sender, gateway, broker, gateway, receivers: the sender of the highlighted message (else the first person) stands left,
 * all others right. A gateway that serves both sides has a line on each, since each side has its own socket.
 */
export function lifelinesOf(
  world: World,
  packets: readonly Wired[],
  width: number,
  gutter: number,
): Lifeline[] {
  const left = leftPerson(world);
  const shown = world.people.filter(
    ({ who }) =>
      world.focus === undefined || who === left?.who || packets.some((packet) => packet.who === who),
  );
  const right = shown.filter(({ who }) => who !== left?.who);
  const lines: Omit<Lifeline, 'x'>[] = [
    ...(left ? [personLine(left, 'left')] : []),
    ...gatewaysOf(left ? [left] : [], packets).map((label) => gatewayLine(label, 'left')),
    { key: 'broker', kind: 'broker', label: 'RabbitMQ' },
    ...gatewaysOf(right, packets).map((label) => gatewayLine(label, 'right')),
    ...right.map((person) => personLine(person, 'right')),
  ];
  const step = (width - gutter) / lines.length;
  return lines.map((line, index) => ({ ...line, x: Math.round(gutter + step * (index + 0.5)) }));
}

function leftPerson({ people, focus, packets }: World): Person | undefined {
  if (focus === undefined) return people[0];
  const sender = packets.find(({ type, messages }) => type === 'msg:R' && messages.includes(focus))?.who;
  return people.find(
    ({ who, user }) => who === sender || (sender === undefined && focus.startsWith(`${user}/`)),
  );
}

/** Where they are connected, and where their packets went. */
function gatewaysOf(people: readonly Person[], packets: readonly Wired[]): string[] {
  const all = people.flatMap(({ who, gateway }) => [
    gateway,
    ...packets.flatMap((packet) => (packet.who === who ? packet.gateway : [])),
  ]);
  return [...new Set(all)].toSorted();
}

const personLine = ({ who, user, device }: Person, side: 'left' | 'right') => ({
  ...{
    key: who,
    kind: 'person' as const,
    label: device === 'page' ? user : `${user} · ${device}`,
    who,
    side,
  },
});

const gatewayLine = (label: string, side: 'left' | 'right') => ({
  ...{ key: `${side}-${label}`, kind: 'gateway' as const, label, side },
});
