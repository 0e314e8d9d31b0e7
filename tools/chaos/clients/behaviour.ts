import { setTimeout as delay } from 'node:timers/promises';
import type { Behaviour, ChaosUser } from '../users.ts';
import type { SeededRandom } from '../../testkit/seeded-random.ts';
import { TestClient, type Ground } from './test-client.ts';

/** What a part needs to be played. */
export interface Play {
  part: ChaosUser;
  ground: Ground;
  random: SeededRandom;
  /** Mean time between two messages of one sender, milliseconds. */
  everyMs: number;
  /** Fires when nobody sends any more, and everybody who will ever be there is there. */
  settle: AbortSignal;
  /** Called with whoever is on stage under this part. */
  onStage: (client: TestClient) => void;
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
  return plays[scene.part.behaviour](scene);
}

const plays: Record<Behaviour, (scene: Play) => Promise<void>> = {
  stays: async (scene) => {
    const client = enter(scene, scene.part.user);
    client.open('durable');
    await write(scene, client, scene.settle);
  },

  'comes-and-goes': async (scene) => {
    const { random, settle } = scene;
    const client = enter(scene, scene.part.user);
    while (!settle.aborted) {
      client.open('durable');
      const stay = AbortSignal.any([settle, AbortSignal.timeout(Math.ceil(random.wait(STAY)))]);
      await (scene.part.to === undefined ? pause(Infinity, stay) : write(scene, client, stay));
      await client.close(random.chance(0.5) ? 'orderly' : 'abrupt');
      await pause(random.wait(AWAY), settle);
    }
    client.open('durable');
  },

  leaves: async (scene) => {
    const { part, random, settle, ground } = scene;
    for (let n = 1; !settle.aborted; n++) {
      const client = enter(scene, `${part.user}.${ground.run}.${n}`);
      client.leave(); // said at once: who is killed before its time does not come back either
      const opened = client.open('in memory');
      await Promise.race([opened.connected().catch(() => undefined), pause(Infinity, settle)]);
      await pause(random.wait(HESITATE), settle);
      if (opened.status.state === 'online') await writeAndGo(client, part.to ?? '', random);
      await client.close('abrupt');
      await pause(random.wait(BETWEEN), settle);
    }
  },

  absent: async (scene) => {
    const client = enter(scene, scene.part.user);
    if (scene.ground.run === 1) {
      client.open('durable');
      await pause(scene.random.wait(STAY), scene.settle);
      await client.close('abrupt');
    }
    client.leave();
  },
};

/** A burst, and away as soon as some of it is accepted: whoever reads this client's answers, it is not the client. */
async function writeAndGo(client: TestClient, to: string, random: SeededRandom): Promise<void> {
  const burst = Array.from({ length: random.integer(1, MAX_BURST) }, () => client.send(to).accepted);
  for (const accepted of burst) accepted.catch(() => undefined); // closed before that
  const some = burst[random.integer(0, burst.length - 1)];
  await Promise.race([some?.catch(() => undefined), delay(ACCEPT_WAIT, undefined, { ref: false })]);
}

/** Sends now and then, sometimes several at once, until told to stop. */
async function write({ part, random, everyMs }: Play, client: TestClient, until: AbortSignal): Promise<void> {
  if (part.to === undefined) return;
  while (!until.aborted) {
    const burst = random.chance(0.1) ? random.integer(2, MAX_BURST) : 1;
    for (let n = 0; n < burst; n++) client.send(part.to).accepted.catch(() => undefined);
    await pause(random.wait((everyMs * burst) / (part.pace ?? 1)), until);
  }
}

function enter({ part, ground, random, onStage }: Play, user: string): TestClient {
  const client = new TestClient(user, part.device, ground, random);
  onStage(client);
  return client;
}

/** Resolves after so many milliseconds, or at once when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => undefined);
}
