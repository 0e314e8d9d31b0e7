import type { ChannelModel } from 'amqplib';
import type { Duplex } from 'node:stream';

/** The AMQP connection's socket; amqplib does not type it. */
export const socketOf = ({ connection }: ChannelModel) =>
  (connection as unknown as { stream: Duplex }).stream;

/** Coalesces the writes of one event loop turn into one system call: amqplib writes each frame separately. */
export function coalesceWrites(stream: Duplex): void {
  const write: Duplex['write'] = stream.write.bind(stream);
  let gathering = false;
  stream.write = ((...args: Parameters<Duplex['write']>) => {
    if (!gathering) {
      gathering = true;
      stream.cork();
      process.nextTick(() => {
        gathering = false;
        stream.uncork();
      });
    }
    return write(...args);
  }) as Duplex['write'];
}

/**
 * Makes reads pausable, so that unread deliveries stay in the broker; RabbitMQ does not implement channel.flow.
 * amqplib calls `read()` when the stream is `readable`. A pause longer than two heartbeats ends the connection.
 *
 * @returns a function that pauses or resumes
 */
export function pausableReads(stream: Duplex): (paused: boolean) => void {
  const read: Duplex['read'] = stream.read.bind(stream);
  let isPaused = false;
  stream.read = (size?: number): unknown => (isPaused ? null : read(size));
  return (paused) => {
    if (paused === isPaused) return;
    isPaused = paused;
    if (!paused) setImmediate(() => stream.emit('readable'));
  };
}
