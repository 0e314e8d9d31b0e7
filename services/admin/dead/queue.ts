import type { GetMessage } from 'amqplib';
import { DEAD_QUEUE } from '#libs/broker/topology.ts';
import type { CommandBroker } from '../broker.ts';
import { type Letter, lettersOf, written } from './letters.ts';

/**
 * RabbitMQ 4.0 to 4.2 counts how often a message of a quorum queue is returned, and drops it after 20 times. So a message
 * returned this often is published anew.
 */
const LEFT_TOO_OFTEN = 8;

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
  for (let n = 0; n < Math.min(most, messageCount); n++) {
    const message = await channel.get(DEAD_QUEUE);
    if (message === false) break;
    const letters = lettersOf({ content: message.content, headers: message.properties.headers ?? {} });
    const staying: Letter[] = [];
    for (const letter of letters) if ((await decide(letter)) === 'stays') staying.push(letter);
    if (staying.length === letters.length && !leftTooOften(message)) continue; // unacknowledged: it stays where it is
    if (staying.length > 0) await again(staying);
    channel.ack(message);
  }
  await channel.close(); // returns the letters that stay, in their order
  return messageCount > most;
}

function leftTooOften({ properties: { headers = {} } }: GetMessage): boolean {
  return Number(headers['x-delivery-count'] ?? 0) >= LEFT_TOO_OFTEN;
}
