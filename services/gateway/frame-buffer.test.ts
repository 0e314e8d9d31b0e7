import { expect, test } from 'vitest';
import { FrameBuffer } from './frame-buffer.ts';

/** RFC 6455, 5.7 and its lengths; what a real client makes of them: connection.test.ts. */
test.each([
  ['Hello', 5, '810548656c6c6f'],
  ['a text of 125 bytes', 125, '817d'],
  ['a text of 126 bytes', 126, '817e007e'],
  ['a text of 65,535 bytes', 65_535, '817effff'],
  ['a text of 65,536 bytes', 65_536, '817f0000000000010000'],
])('%s', (text, length, start) => {
  const frames = new FrameBuffer();
  frames.add(text.padEnd(length));
  const { bytes } = frames;
  const buffer = frames.take();
  expect(buffer.toString('hex').slice(0, start.length)).toBe(start);
  expect(buffer).toHaveLength(bytes);
});

test('frames leave once', () => {
  const frames = new FrameBuffer();
  frames.add('a');
  frames.add('é');
  expect(frames.take().toString('hex')).toBe('8101618102c3a9');
  expect([frames.bytes, frames.take().length]).toEqual([0, 0]);
});
