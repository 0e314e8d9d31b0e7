import type { ChannelModel } from 'amqplib';
import type { Duplex } from 'node:stream';

/** amqplib does not tell its socket's type. */
export const socketOf = ({ connection }: ChannelModel) =>
  (connection as unknown as { stream: Duplex }).stream;

/** What is written in one turn of the event loop leaves in one system call: amqplib writes each frame by itself. */
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
 * Lets the reading be paused, so that the broker holds what is not taken: AMQP has no way to ask for that (RabbitMQ:
 * channel.flow is not implemented). amqplib reads with `read()` when the stream is `readable`. It takes a silent peer for
 * gone after two heartbeats: a longer pause ends the connection.
 *
 * @returns pauses, or goes on
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
