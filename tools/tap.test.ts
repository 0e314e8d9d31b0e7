import { expect, test } from 'vitest';
import { tapped } from './tap.ts';

/** A WebSocket that keeps what is sent, and shows what it is told to receive. */
class Base {
  static last: Base | undefined;
  readonly sent: string[] = [];
  readonly closes: unknown[] = [];
  readonly listeners = new Map<string, (event: never) => void>();

  constructor() {
    Base.last = this;
  }

  addEventListener(type: string, run: (event: never) => void): void {
    this.listeners.set(type, run);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(...how: unknown[]): void {
    this.closes.push(how);
  }
}

test('sees every packet both ways, and can lose one', () => {
  const seen: string[] = [];
  const Tapped = tapped(Base, ({ direction, type }) => {
    seen.push(`${direction} ${type}`);
    return type !== 'ack:N';
  });
  const socket = new Tapped('ws://x', []);
  const received: unknown[] = [];
  const events: string[] = [];
  socket.addEventListener('open', () => events.push('open'));
  socket.addEventListener('close', ({ code }) => events.push(`close ${code}`));
  socket.addEventListener('message', ({ data }) => received.push(data));
  const emit = (type: string, event: object) => Base.last?.listeners.get(type)?.(event as never);
  emit('open', {});
  socket.send('{"type":"msg:R"}');
  emit('message', { data: '{"type":"ack:N"}' });
  emit('message', { data: '{"type":"msg:A"}' });
  emit('close', { code: 1000 });
  socket.close(1000, 'done');
  expect(seen).toEqual(['out msg:R', 'in ack:N', 'in msg:A']);
  expect(Base.last?.sent).toEqual(['{"type":"msg:R"}']);
  expect(received).toEqual(['{"type":"msg:A"}']);
  expect(events).toEqual(['open', 'close 1000']);
  expect(Base.last?.closes).toEqual([[1000, 'done']]);
});
