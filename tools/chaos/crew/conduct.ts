import { setTimeout as delay } from 'node:timers/promises';
import type { Conduct, Part } from '../cast.ts';
import type { Dice } from '../../testkit/dice.ts';
import { Actor, type Ground } from './actor.ts';

/** What a part needs to be played. */
export interface Play {
  part: Part;
  ground: Ground;
  dice: Dice;
  /** Mean time between two messages of one sender, milliseconds. */
  everyMs: number;
  /** Fires when nobody sends any more, and everybody who will ever be there is there. */
  settle: AbortSignal;
  /** Called with whoever is on stage under this part. */
  onStage: (actor: Actor) => void;
}

/** Mean times, milliseconds. */
const STAY = 6_000;
const AWAY = 3_000;
/** How long somebody who leaves waits for a msg:A at most. */
const ACCEPT_WAIT = 8_000;
/** How long somebody who leaves is there before the first message. */
const HESITATE = 1_500;
/** Between one who left and the next. */
const BETWEEN = 2_000;
const MAX_BURST = 12;

/** Plays a part until it is time to settle; afterwards whoever stays is online. */
export function play(scene: Play): Promise<void> {
  return plays[scene.part.conduct](scene);
}

const plays: Record<Conduct, (scene: Play) => Promise<void>> = {
  stays: async (scene) => {
    const actor = enter(scene, scene.part.user);
    actor.open('durable');
    await write(scene, actor, scene.settle);
  },

  'comes-and-goes': async (scene) => {
    const { dice, settle } = scene;
    const actor = enter(scene, scene.part.user);
    while (!settle.aborted) {
      actor.open('durable');
      const stay = AbortSignal.any([settle, AbortSignal.timeout(Math.ceil(dice.wait(STAY)))]);
      await (scene.part.to === undefined ? pause(Infinity, stay) : write(scene, actor, stay));
      await actor.close(dice.chance(0.5) ? 'orderly' : 'abrupt');
      await pause(dice.wait(AWAY), settle);
    }
    actor.open('durable');
  },

  leaves: async (scene) => {
    const { part, dice, settle, ground } = scene;
    for (let n = 1; !settle.aborted; n++) {
      const actor = enter(scene, `${part.user}.${ground.run}.${n}`);
      actor.leave(); // said at once: who is killed before its time does not come back either
      const client = actor.open('in memory');
      await Promise.race([client.connected().catch(() => undefined), pause(Infinity, settle)]);
      await pause(dice.wait(HESITATE), settle);
      if (client.status.state === 'online') await writeAndGo(actor, part.to ?? '', dice);
      await actor.close('abrupt');
      await pause(dice.wait(BETWEEN), settle);
    }
  },

  absent: async (scene) => {
    const actor = enter(scene, scene.part.user);
    if (scene.ground.run === 1) {
      actor.open('durable');
      await pause(scene.dice.wait(STAY), scene.settle);
      await actor.close('abrupt');
    }
    actor.leave();
  },
};

/** A burst, and away as soon as some of it is accepted: whoever reads this client's answers, it is not the client. */
async function writeAndGo(actor: Actor, to: string, dice: Dice): Promise<void> {
  const burst = Array.from({ length: dice.whole(1, MAX_BURST) }, () => actor.send(to).accepted);
  for (const accepted of burst) accepted.catch(() => undefined); // closed before that
  const some = burst[dice.whole(0, burst.length - 1)];
  await Promise.race([some?.catch(() => undefined), delay(ACCEPT_WAIT, undefined, { ref: false })]);
}

/** Sends now and then, sometimes several at once, until told to stop. */
async function write({ part, dice, everyMs }: Play, actor: Actor, until: AbortSignal): Promise<void> {
  if (part.to === undefined) return;
  while (!until.aborted) {
    const burst = dice.chance(0.1) ? dice.whole(2, MAX_BURST) : 1;
    for (let n = 0; n < burst; n++) actor.send(part.to).accepted.catch(() => undefined);
    await pause(dice.wait((everyMs * burst) / (part.pace ?? 1)), until);
  }
}

function enter({ part, ground, dice, onStage }: Play, user: string): Actor {
  const actor = new Actor(user, part.device, ground, dice);
  onStage(actor);
  return actor;
}

/** Resolves after so many milliseconds, or at once when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => undefined);
}
