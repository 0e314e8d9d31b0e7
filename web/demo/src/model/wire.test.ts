import { expect, test } from 'vitest';
import { mailboxEntries, type Packet, readPacket } from './wire.ts';

const NO_MAILBOX = new Map<string, string>();
const about = (packet: Packet, mailbox = NO_MAILBOX) => readPacket(packet, 'alice', mailbox).messages;

test.each([
  [{ type: 'msg:R', id: '1', to: ['bob', 'carol'] }, ['alice/1']],
  [{ type: 'msg:A', id: '1' }, ['alice/1']],
  [{ type: 'msg:N', id: '1', from: 'bob' }, ['bob/1']],
  [{ type: 'ack:R', id: '1', from: 'bob' }, ['bob/1']],
  [{ type: 'ack:N', id: '1', to: 'bob', state: 'delivered' }, ['alice/1']],
  [
    {
      type: 'read:R',
      items: [
        { from: 'bob', id: '1' },
        { from: 'bob', id: '2' },
      ],
    },
    ['bob/1', 'bob/2'],
  ],
  [{ type: 'error', code: 'unavailable', re: { type: 'msg:R', id: '1' } }, ['alice/1']],
  [{ type: 'error', code: 'bad_packet' }, []],
  [{ type: 'ping' }, []],
])('%j is about %j', (packet, messages) => {
  expect(about(packet)).toEqual(messages);
});

test('keys of the mailbox lead back to the messages and receipts that came with them', () => {
  const page = {
    type: 'offline:N',
    messages: [{ key: 'k1', from: 'bob', id: '1' }],
    receipts: [{ key: 'k2', id: '2', to: 'bob', state: 'read' }],
    more: false,
  };
  expect(readPacket(page, 'alice', NO_MAILBOX)).toMatchObject({
    messages: ['bob/1', 'alice/2'],
    detail: '1 msg, read',
  });
  const keys = new Map(mailboxEntries(page, 'alice').map(({ key, message }) => [key, message]));
  expect(about({ type: 'offline:A', keys: ['k2', 'k1'] }, keys)).toEqual(['alice/2', 'bob/1']);
});
