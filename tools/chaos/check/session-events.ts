import type { SeenEvent } from '../event-endpoint.ts';
import type { FaultEvent } from '../history.ts';
import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import type { Violation } from './guarantees.ts';
import { isCalm } from './order.ts';

/** A login that lasts so long while nothing fails is known to presence, milliseconds. */
const SETTLED_MS = 3_000;
/** After a crash of the database nobody knows which sessions ended meanwhile (ARCHITECTURE: Events). */
const FORGETTING = /^kill(-starting)?-database$/;

/** Each login comes as session.up, and each of these ends with a session.down, unless the session is there at the end. */
export function checkSessionEvents(
  { logins }: Facts,
  { sessions }: Leftovers,
  faults: readonly FaultEvent[],
  seen: readonly SeenEvent[],
): Violation[] {
  const names = { up: new Map<string, Set<string>>(), down: new Map<string, Set<string>>() };
  for (const { event, taken } of seen) {
    if (!('user' in event) || !taken) continue;
    const of = names[event.type === 'session.up' ? 'up' : 'down'];
    const who = `${event.user}/${event.device}`;
    of.set(who, (of.get(who) ?? new Set()).add(event.event));
  }
  const forgot = faults.some(({ fault }) => FORGETTING.test(fault));
  const everybody = new Set([...logins.all, ...names.up.keys(), ...names.down.keys()]);
  return [...everybody].flatMap((who) => {
    const [up, down] = [names.up.get(who)?.size ?? 0, names.down.get(who)?.size ?? 0];
    const lasting = logins
      .of(who)
      .filter(({ t, end }) => end > t + SETTLED_MS && isCalm(faults, t, t + SETTLED_MS));
    const asked = logins.asked.get(who) ?? 0;
    const there = sessions.get(who) ?? 0;
    const ended = up - down - there;
    const broken: [boolean, string][] = [
      [up < lasting.length, `${lasting.length} logins of ${who}, and ${up} session.up`],
      [
        up > asked && (asked === 0 || faults.length === 0),
        `${asked} logins of ${who}, and ${up} session.up: invented`,
      ],
      [ended > 0 && !forgot, `session.down never came ${ended} times for ${who}, of ${up} session.up`],
      [ended < 0, `session.down came ${-ended} times too often for ${who}, of ${up} session.up`],
    ];
    return broken.filter(([is]) => is).map(([, what]): Violation => ({ guarantee: 'events', what }));
  });
}
