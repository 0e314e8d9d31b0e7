import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { pausableReads } from './amqp-socket.ts';

const read = (stream: PassThrough) => stream.read() as Buffer | null;

/** Reads as amqplib does. */
function reader() {
  const stream = new PassThrough({ highWaterMark: 1024 });
  const pause = pausableReads(stream);
  const received: string[] = [];
  stream.on('readable', () => {
    for (let chunk = read(stream); chunk; chunk = read(stream)) received.push(chunk.toString());
  });
  return { stream, pause, received };
}

const turns = () => new Promise((resolve) => setTimeout(resolve, 5));

test('a pause holds what comes, bounded, and nothing is lost', async () => {
  const { stream, pause, received } = reader();
  stream.write('before ');
  await turns();
  pause(true);
  let accepted = 0;
  for (let n = 0; n < 1_000 && stream.write('during '); n++) accepted++;
  await turns();
  expect(received.join('')).toBe('before ');
  expect(accepted).toBeLessThan(1_000);
  pause(false);
  await turns();
  stream.write('after');
  await turns();
  expect(received.join('')).toBe(`before ${'during '.repeat(accepted + 1)}after`);
});

test('a pause of a pause is one', async () => {
  const { stream, pause, received } = reader();
  for (const paused of [true, true, false, false]) pause(paused);
  stream.write('x');
  await turns();
  expect(received).toEqual(['x']);
});
