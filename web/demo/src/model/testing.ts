import { sentEntry } from './entries.ts';
import { NO_FAULTS } from './faults.ts';
import { reduce } from './reduce.ts';
import { keyOf, type Packet, readPacket } from './wire.ts';
import { emptyWorld, type Happening, type Person, type World } from './world.ts';

export const GATEWAYS = ['gateway-1', 'gateway-2'].map((name) => ({ name, url: `ws://${name}/ws` }));

const person = (who: string, user: string, gateway: string): Person => ({
  ...{ who, user, gateway, device: 'page', to: [], entries: [], typing: {}, faults: NO_FAULTS },
  link: { state: 'online' },
});

/** alice at gateway-1, bob at gateway-2. */
export const twoPeople = (): World =>
  after(emptyWorld(GATEWAYS), [
    { type: 'joined', person: person('p1', 'alice', 'gateway-1') },
    { type: 'joined', person: person('p2', 'bob', 'gateway-2') },
  ]);

export const after = (world: World, events: readonly Happening[]): World => events.reduce(reduce, world);

/** A packet at one of the two. */
export function packet(
  user: 'alice' | 'bob',
  direction: 'in' | 'out',
  content: Packet,
  fate: 'passed' | 'dropped' = 'passed',
  at = 0,
): Happening {
  const [who, gateway] = user === 'alice' ? ['p1', 'gateway-1'] : ['p2', 'gateway-2'];
  const read = readPacket(content, user, new Map());
  return { type: 'packet', packet: { ...read, at, who, user, gateway, direction, fate } };
}

export const MESSAGE = keyOf('alice', 'm1');

/** alice sends "hi" to bob, and nothing fails. */
export const SIX_PACKETS: readonly Happening[] = [
  { type: 'wrote', who: 'p1', entry: sentEntry('alice', 'm1', ['bob'], 'hi', 0) },
  packet('alice', 'out', { type: 'msg:R', id: 'm1', to: 'bob' }),
  packet('alice', 'in', { type: 'msg:A', id: 'm1' }),
  packet('bob', 'in', { type: 'msg:N', id: 'm1', from: 'alice' }),
  packet('bob', 'out', { type: 'ack:R', id: 'm1', from: 'alice' }),
  packet('bob', 'in', { type: 'ack:A', id: 'm1', from: 'alice' }),
  packet('alice', 'in', { type: 'ack:N', id: 'm1', to: 'bob', state: 'delivered' }),
];
