import { setTimeout as delay } from 'node:timers/promises';
import type { ChannelModel, GetMessage } from 'amqplib';
import { DEAD_QUEUE } from '#libs/broker/topology.ts';
import type { CommandBroker } from '../broker.ts';
import { type Letter, lettersOf, written } from './letters.ts';

/**
 * RabbitMQ 4.0 to 4.2 counts how often a message of a quorum queue is returned, and drops it after 20 times. So a message
 * returned this often is published anew.
 */
const LEFT_TOO_OFTEN = 8;

/** Longest wait for returned letters, and the pause between looks, milliseconds. */
const BACK_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 20;

/** The decision about a letter. */
export type Fate = 'stays' | 'leaves';

/**
 * Reads `sixfold.dead` once. A letter leaves only after `decide` has acted and said so: a kill in between leaves the letter
 * in place, or duplicates it.
 *
 * @param decide is called for each letter
 * @returns whether there are more AMQP messages than `most`
 */
export async function goThrough(
  { connection, put }: CommandBroker,
  most: number,
  decide: (letter: Letter) => Promise<Fate> | Fate,
): Promise<boolean> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined); // pending calls fail with it
  const { messageCount } = await channel.checkQueue(DEAD_QUEUE);
  const again = async (letters: Letter[]) => {
    if (!(await put(DEAD_QUEUE, JSON.stringify(letters.map(written)))))
      throw new Error(`${DEAD_QUEUE} was deleted`);
  };
  // Letters that arrive meanwhile are for the next run: else it might never end.
  let left = 0;
  for (let n = 0; n < Math.min(most, messageCount); n++) {
    const message = await channel.get(DEAD_QUEUE);
    if (message === false) break;
    const letters = lettersOf({ content: message.content, headers: message.properties.headers ?? {} });
    const staying: Letter[] = [];
    for (const letter of letters) if ((await decide(letter)) === 'stays') staying.push(letter);
    if (staying.length === letters.length && !leftTooOften(message)) continue; // unacknowledged: it stays where it is
    if (staying.length > 0) await again(staying);
    channel.ack(message);
    if (staying.length === 0) left++;
  }
  await channel.close(); // returns the letters that stay, in their order
  await untilBack(connection, messageCount - left);
  return messageCount > most;
}

/** The broker returns them a moment later; a next look would miss them. */
async function untilBack(connection: ChannelModel, expected: number): Promise<void> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined); // pending calls fail with it
  const deadline = Date.now() + BACK_WITHIN_MS; // others may take letters, too
  while ((await channel.checkQueue(DEAD_QUEUE)).messageCount < expected && Date.now() < deadline)
    await delay(LOOK_EVERY_MS);
  await channel.close();
}

function leftTooOften({ properties: { headers = {} } }: GetMessage): boolean {
  return Number(headers['x-delivery-count'] ?? 0) >= LEFT_TOO_OFTEN;
}
