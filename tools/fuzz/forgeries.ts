import type { z } from 'zod';
import { AckEntry, GatewayEntry, RouteEntry } from '#libs/broker/entries.ts';
import { ACK_QUEUE, gatewayQueue, RETURNED_QUEUE, routeQueue } from '#libs/broker/topology.ts';
import type { Dice } from '../testkit/dice.ts';
import { hurtBytes, hurtJson, randomBytes } from './mutate.ts';

/** A message that no service wrote, for one of our queues. */
export interface Forgery {
  queue: string;
  content: Buffer;
  schema: z.ZodType;
  options: { contentType?: string; contentEncoding?: string; headers?: Record<string, unknown> };
}

/** Default of ROUTE_PARTITIONS, which the fuzzer leaves alone. */
const PARTITIONS = 8;
const MEGABYTE = 1024 * 1024;

/**
 * Makes a message for a queue. The names in it are nobody's who is honest: whoever may write to the broker may end
 * sessions and incarnations by their names, and that is no bug.
 *
 * @param gateway the gateway whose queue may be written to
 */
export function forgeryOf(dice: Dice, gateway: string): Forgery {
  const [queue, schema, entries] = dice.pick<[string, z.ZodType, Entries]>([
    [routeQueue(dice.whole(0, PARTITIONS - 1)), RouteEntry, routeEntries],
    [ACK_QUEUE, AckEntry, ackEntries],
    [gatewayQueue(gateway), GatewayEntry, gatewayEntries],
    [RETURNED_QUEUE, GatewayEntry, gatewayEntries],
  ]);
  const options = dice.pick([
    {},
    {},
    { contentType: 'text/plain' },
    { contentType: 'application/octet-stream', contentEncoding: 'gzip' },
    { headers: { 'x-death': 'odd', x: { y: [1, null] } } },
  ]);
  return { queue, schema, options, content: contentOf(dice, entries) };
}

type Entries = (dice: Dice) => object[];

function contentOf(dice: Dice, entries: Entries): Buffer {
  if (dice.chance(0.003)) return dice.pick(HUGE)();
  const some = () => dice.pick(entries(dice));
  const how = dice.whole(0, 9);
  const good = Array.from({ length: dice.whole(0, 5) }, some);
  if (how < 2) return Buffer.from(JSON.stringify(good));
  if (how < 7)
    return Buffer.from(
      `[${[...good, some()].map((entry) => (dice.chance(0.7) ? hurtJson(dice, entry) : JSON.stringify(entry))).join(',')}]`,
    );
  if (how < 8) return hurtBytes(dice, Buffer.from(JSON.stringify([...good, some()])));
  if (how < 9) return randomBytes(dice, 300);
  return Buffer.from(
    dice.pick([
      '',
      '[]',
      '{}',
      '[[]]',
      'null',
      '[null]',
      '[0]',
      '"x"',
      '['.repeat(50_000),
      `[${'['.repeat(20_000)}${']'.repeat(20_000)}]`,
    ]),
  );
}

const HUGE: readonly (() => Buffer)[] = [
  () => Buffer.alloc(16 * MEGABYTE, 0x20),
  () => Buffer.alloc(16 * MEGABYTE + 1, 0x5b),
  () => Buffer.from(`[${'0,'.repeat(4 * MEGABYTE)}0]`),
  () => Buffer.from(`[${'{},'.repeat(9_000)}{}]`),
  () => Buffer.from(JSON.stringify([{ kind: 'message', body: 'x'.repeat(15 * MEGABYTE) }])),
];

const id = (dice: Dice) => dice.pick(['m1', `f${dice.whole(0, 1e9)}`, 'x'.repeat(64)]);
const user = (dice: Dice) => dice.pick(['villain-1', 'villain-2', 'nobody', `forged-${dice.whole(0, 50)}`]);
const elsewhere = (dice: Dice) =>
  dice.pick(['nobody.1', 'nobody.zz', `g${dice.whole(0, 3)}.${dice.whole(0, 3)}`]);
const session = (dice: Dice) => `forged-${dice.whole(0, 5)}`;
const at = (dice: Dice) =>
  dice.pick([Date.now(), 0, -1, 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
/** Texts that are spliced into packets; some are no JSON. */
const body = (dice: Dice) =>
  dice.pick(['1', '"x"', '{"a":[1]}', '', '{', '1,"from":"boss"', '1}', '"a\u0000"', ' 1 ', '\ud800', '"x']);

const message = (dice: Dice) => ({
  from: user(dice),
  id: id(dice),
  to: user(dice),
  body: body(dice),
  at: at(dice),
});
const receipt = (dice: Dice) => ({
  id: id(dice),
  to: user(dice),
  state: dice.pick(['delivered', 'stored', 'rejected']),
  at: at(dice),
});
const others = (dice: Dice) => [{ gateway: elsewhere(dice), session: session(dice) }];

const routeEntries: Entries = (dice) => [
  { kind: 'message', ...message(dice), seq: dice.whole(0, 9) },
  { kind: 'message', ...message(dice) },
  {
    kind: 'session-up',
    user: user(dice),
    device: 'd',
    session: session(dice),
    gateway: elsewhere(dice),
    since: at(dice),
    again: dice.chance(0.5),
  },
  { kind: 'session-down', user: user(dice), session: session(dice) },
  {
    kind: 'pull',
    user: user(dice),
    session: session(dice),
    gateway: elsewhere(dice),
    limit: dice.pick([1, 500, 0, -5, 2 ** 31, Number.MAX_SAFE_INTEGER]),
  },
  { kind: 'confirm', user: user(dice), keys: ['m1', 'r1', 'm99999999999999999999', '\u0000', '$1'] },
  { kind: 'lease', gateway: elsewhere(dice), first: dice.chance(0.5) },
  { kind: 'leave', gateway: elsewhere(dice) },
];

const ackEntries: Entries = (dice) => {
  const ack = { kind: 'ack', from: user(dice), id: id(dice), to: user(dice), at: at(dice) };
  return [ack, { ...ack, others: others(dice) }];
};

const gatewayEntries: Entries = (dice) => [
  { kind: 'message', session: session(dice), ...message(dice) },
  {
    kind: 'message',
    session: session(dice),
    ...message(dice),
    others: others(dice),
    returned: 'disconnected',
  },
  { kind: 'receipt', session: session(dice), user: user(dice), ...receipt(dice) },
  { kind: 'registered', session: session(dice), mail: true },
  { kind: 'replaced', session: session(dice) },
  { kind: 'late', session: session(dice), since: at(dice) },
  { kind: 'settled', session: session(dice), from: user(dice), id: id(dice) },
  { kind: 'hint', session: session(dice) },
  { kind: 'disconnect', session: session(dice) },
  { kind: 'report', to: 'sixfold.admin.00000000-0000-0000-0000-000000000000', most: dice.whole(1, 1_000) },
  {
    kind: 'mailbox',
    session: session(dice),
    messages: [{ key: 'm1', ...message(dice) }],
    receipts: [{ key: 'r1', ...receipt(dice) }],
    more: true,
  },
];
