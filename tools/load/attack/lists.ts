import { logInAs, type Target } from '../clients/log-in.ts';
import type { Attack, Count } from './attack.ts';
import { BODY_BYTES } from './slow-readers.ts';

/** The longest list that a gateway takes by default (MAX_RECEIVERS). */
export const RECEIVERS = 100;
/** Pause after a list that was refused, milliseconds: as much as the rate limit allows, and no disconnection. */
const PAUSE_MS = 100;
/** Lists under way: more than the gateway takes of one session. */
const OUTSTANDING = 8;
/** The attack is at full strength when this many lists were accepted. */
const WARM_UP = 5;

/** One user writes large bodies to the longest lists of absent users, as fast as the gateway takes them. */
export const lists: Attack = ({ target }, count) =>
  new Promise((warm, fail) => {
    void flood(target, count, warm).catch(fail);
  });

async function flood(target: Target, count: Count, warm: () => void): Promise<void> {
  const socket = await logInAs(target, 'list-writer');
  const to = Array.from({ length: RECEIVERS }, (_, n) => `list-${n}`);
  const fields = `"to":${JSON.stringify(to)},"body":"${'x'.repeat(BODY_BYTES)}"}`;
  let sent = 0;
  let accepted = 0;
  const send = () => socket.isOpen && socket.send(`{"type":"msg:R","id":"${sent++}",${fields}`);
  socket.onText = (chunk, from, end) => {
    const { type } = JSON.parse(chunk.slice(from, end)) as { type: string };
    if (type === 'error') setTimeout(send, PAUSE_MS);
    if (type !== 'msg:A') return;
    count('lists');
    if (++accepted === WARM_UP) warm();
    send();
  };
  for (let n = 0; n < OUTSTANDING; n++) send();
}
