import type { GetMessage } from 'amqplib';
import { DEAD_QUEUE } from '#libs/broker/topology.ts';
import type { CommandBroker } from '../broker.ts';
import { type Letter, lettersOf, written } from './letters.ts';

/**
 * RabbitMQ 4.0 to 4.2 counts each time that a message of a quorum queue is looked at and left, and drops one that was
 * left 20 times. So who has been left this often is put into the queue anew.
 */
const LEFT_TOO_OFTEN = 8;

/** What becomes of a letter that was looked at. */
export type Fate = 'stays' | 'leaves';

/**
 * Goes through `sixfold.dead`, once. A letter leaves only when `decide` has said so, after it did what it had to: who is
 * killed in between leaves it where it was, or there are two of it.
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
  channel.on('error', () => undefined); // what is under way fails with it
  const { messageCount } = await channel.checkQueue(DEAD_QUEUE);
  const again = async (letters: Letter[]) => {
    if (!(await put(DEAD_QUEUE, JSON.stringify(letters.map(written)))))
      throw new Error(`${DEAD_QUEUE} was deleted`);
  };
  // What dies meanwhile is for the next time: it would go round and round.
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
  await channel.close(); // gives back what stays, in its order
  return messageCount > most;
}

function leftTooOften({ properties: { headers = {} } }: GetMessage): boolean {
  return Number(headers['x-delivery-count'] ?? 0) >= LEFT_TOO_OFTEN;
}
