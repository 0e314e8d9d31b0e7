import type { Dice } from './dice.ts';
import { slowDown } from './slow-commits.ts';
import type { ProcessHandle } from '../stack/process-handle.ts';
import type { TcpProxy } from '../stack/tcp-proxy.ts';
import type { Crew } from './crew.ts';
import type { Member, World } from './world.ts';

/** Something that may go wrong, before anybody decided that it does. */
export interface Fault {
  /** How often it is chosen, compared with others. */
  readonly weight: number;
  /** Whom it may hit. */
  targets(world: World): Target[];
}

/** Somebody whom a fault may hit. */
export interface Target {
  readonly name: string;
  /** Whom it hurts: nobody is hurt twice at the same time. The nodes of a cluster count as one. */
  readonly hurts: string;
  /** Hurts; says what it did and how it is healed. */
  strike(dice: Dice): Promise<Wound> | Wound;
}

export interface Wound {
  /** In words. */
  readonly what: string;
  /** How long it lasts before it is healed, milliseconds. */
  readonly lastsMs: number;
  heal(): Promise<void> | void;
}

/** Short ones are over before anybody is given up; some outlast the ack timeout, long ones heartbeats and leases, too. */
const short = (dice: Dice) => dice.whole(200, 2_000);
const middle = (dice: Dice) => dice.whole(2_000, 4_500);
const long = (dice: Dice) => dice.whole(5_000, 10_000);
const any = (dice: Dice) => dice.pick([short, middle, long])(dice);

const START_TRIES = 3;

/** A server that was killed may need a moment until what it left behind is gone. */
async function restart(handle: ProcessHandle): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await handle.restart();
      return;
    } catch (error) {
      if (tries === START_TRIES) throw error;
    }
}

const hurtsOf = (name: string) => (name.startsWith('rabbitmq') ? 'the broker' : name);

function kill(handle: ProcessHandle): Target {
  return {
    name: handle.name,
    hurts: hurtsOf(handle.name),
    strike: async (dice) => {
      const lastsMs = dice.whole(0, 4_000);
      await handle.kill('SIGKILL');
      return { what: `kill -9, down for ${lastsMs} ms`, lastsMs, heal: () => restart(handle) };
    },
  };
}

function freeze(handle: ProcessHandle): Target {
  return {
    name: handle.name,
    hurts: hurtsOf(handle.name),
    strike: (dice) => {
      const lastsMs = any(dice);
      handle.signal('SIGSTOP');
      return { what: `SIGSTOP for ${lastsMs} ms`, lastsMs, heal: () => handle.signal('SIGCONT') };
    },
  };
}

/** As in a deploy: SIGTERM, its orderly end, and a new process in its place. */
function deploy(handle: ProcessHandle): Target {
  return {
    name: handle.name,
    hurts: handle.name,
    strike: () => ({
      what: 'SIGTERM and a new process',
      lastsMs: 0,
      heal: () =>
        handle.restart().catch(async (error: unknown) => {
          await restart(handle); // it did not end in order: that is for the report, and the run goes on
          throw error;
        }),
    }),
  };
}

/** The way from one process to another kind; where there are several (the nodes of a cluster), all of them or one. */
interface Way {
  from: string;
  to: 'clients' | 'broker' | 'database';
  proxies: readonly TcpProxy[];
}

const wayName = ({ from, to }: Way) => `${from}, its way to the ${to}`;
const some = ({ proxies }: Way, dice: Dice) => (dice.chance(0.5) ? proxies : [dice.pick(proxies)]);

function stall(way: Way): Target {
  return {
    name: wayName(way),
    hurts: way.from,
    strike: (dice) => {
      const lastsMs = any(dice);
      const proxies = some(way, dice);
      for (const proxy of proxies) proxy.stall();
      return {
        what: `nothing moves for ${lastsMs} ms`,
        lastsMs,
        heal: () => proxies.forEach((proxy) => proxy.resume()),
      };
    },
  };
}

function lose(way: Way): Target {
  return {
    name: wayName(way),
    hurts: way.from,
    strike: (dice) => {
      const proxies = some(way, dice);
      const count = proxies.reduce((sum, { connections }) => sum + connections, 0);
      for (const proxy of proxies) proxy.lose();
      return { what: `${count} connections half-open`, lastsMs: 0, heal: () => undefined };
    },
  };
}

const members = (kind: Member['kind'], hurt: (handle: ProcessHandle) => Target) => (world: World) =>
  world.members.filter((member) => member.kind === kind).map(({ process }) => hurt(process));

/** The ways of one kind, one target for each service that has such a way. */
const ways = (to: Way['to'], hurt: (way: Way) => Target) => (world: World) =>
  world.members.flatMap((member) => {
    const proxies = [member[to] ?? []].flat();
    return proxies.length > 0 ? [hurt({ from: member.process.name, to, proxies })] : [];
  });

const crews = (hurt: (crew: Crew, dice: Dice) => Promise<Wound> | Wound) => (world: World) =>
  world.crews.map((crew) => ({
    name: crew.name,
    hurts: crew.name,
    strike: (dice: Dice) => hurt(crew, dice),
  }));

async function killCrew(crew: Crew, dice: Dice): Promise<Wound> {
  const lastsMs = dice.whole(0, 4_000);
  await crew.kill();
  return { what: `kill -9, away for ${lastsMs} ms`, lastsMs, heal: () => crew.start() };
}

function freezeCrew(crew: Crew, dice: Dice): Wound {
  const lastsMs = any(dice);
  crew.freeze();
  return { what: `SIGSTOP for ${lastsMs} ms`, lastsMs, heal: () => crew.thaw() };
}

const slowCommits = ({ databaseUrl }: World): Target[] => [
  {
    name: 'postgres',
    hurts: 'postgres',
    strike: async (dice) => {
      const lastsMs = long(dice);
      const heal = await slowDown(databaseUrl);
      return {
        what: `what is stored becomes visible late, and not in order, for ${lastsMs} ms`,
        lastsMs,
        heal,
      };
    },
  },
];

/** What the nemesis knows to do. `stall` and `lose` are about the network between two parties. */
export const FAULTS = {
  'kill-gateway': { weight: 3, targets: members('gateway', kill) },
  'kill-routing': { weight: 3, targets: members('routing', kill) },
  'kill-ack': { weight: 2, targets: members('ack', kill) },
  'kill-broker': { weight: 1, targets: ({ brokers }) => brokers.map(kill) },
  'kill-database': { weight: 1, targets: ({ databases }) => databases.map(kill) },
  'kill-clients': { weight: 2, targets: crews(killCrew) },
  'freeze-gateway': { weight: 2, targets: members('gateway', freeze) },
  'freeze-routing': { weight: 2, targets: members('routing', freeze) },
  'freeze-ack': { weight: 1, targets: members('ack', freeze) },
  'freeze-broker': { weight: 1, targets: ({ brokers }) => brokers.map(freeze) },
  'freeze-clients': { weight: 2, targets: crews(freezeCrew) },
  'stall-clients': { weight: 1, targets: ways('clients', stall) },
  'stall-broker': { weight: 2, targets: ways('broker', stall) },
  'stall-database': { weight: 2, targets: ways('database', stall) },
  'slow-commits': { weight: 1, targets: slowCommits },
  'lose-clients': { weight: 1, targets: ways('clients', lose) },
  'lose-broker': { weight: 1, targets: ways('broker', lose) },
  'lose-database': { weight: 1, targets: ways('database', lose) },
  'deploy-gateway': { weight: 1, targets: members('gateway', deploy) },
  'deploy-routing': { weight: 1, targets: members('routing', deploy) },
  'deploy-ack': { weight: 1, targets: members('ack', deploy) },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];
