import type { z } from 'zod';
import { AckEntry, GatewayEntry, RouteEntry } from '#libs/broker/entries.ts';
import { ACK_QUEUE, gatewayQueue, RETURNED_QUEUE, routeQueue } from '#libs/broker/topology.ts';
import type { SeededRandom } from '../testkit/seeded-random.ts';
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
export function forgeryOf(random: SeededRandom, gateway: string): Forgery {
  const [queue, schema, entries] = random.pick<[string, z.ZodType, Entries]>([
    [routeQueue(random.integer(0, PARTITIONS - 1)), RouteEntry, routeEntries],
    [ACK_QUEUE, AckEntry, ackEntries],
    [gatewayQueue(gateway), GatewayEntry, gatewayEntries],
    [RETURNED_QUEUE, GatewayEntry, gatewayEntries],
  ]);
  const options = random.pick([
    {},
    {},
    { contentType: 'text/plain' },
    { contentType: 'application/octet-stream', contentEncoding: 'gzip' },
    { headers: { 'x-death': 'odd', x: { y: [1, null] } } },
  ]);
  return { queue, schema, options, content: contentOf(random, entries) };
}

type Entries = (random: SeededRandom) => object[];

function contentOf(random: SeededRandom, entries: Entries): Buffer {
  if (random.chance(0.003)) return random.pick(HUGE)();
  const some = () => random.pick(entries(random));
  const how = random.integer(0, 9);
  const good = Array.from({ length: random.integer(0, 5) }, some);
  if (how < 2) return Buffer.from(JSON.stringify(good));
  if (how < 7)
    return Buffer.from(
      `[${[...good, some()].map((entry) => (random.chance(0.7) ? hurtJson(random, entry) : JSON.stringify(entry))).join(',')}]`,
    );
  if (how < 8) return hurtBytes(random, Buffer.from(JSON.stringify([...good, some()])));
  if (how < 9) return randomBytes(random, 300);
  return Buffer.from(
    random.pick([
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

const id = (random: SeededRandom) => random.pick(['m1', `f${random.integer(0, 1e9)}`, 'x'.repeat(64)]);
const user = (random: SeededRandom) =>
  random.pick(['hostile-1', 'hostile-2', 'nobody', `forged-${random.integer(0, 50)}`]);
const elsewhere = (random: SeededRandom) =>
  random.pick(['nobody.1', 'nobody.zz', `g${random.integer(0, 3)}.${random.integer(0, 3)}`]);
const session = (random: SeededRandom) => `forged-${random.integer(0, 5)}`;
const at = (random: SeededRandom) =>
  random.pick([Date.now(), 0, -1, 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
/** Texts that are spliced into packets; some are no JSON. */
const body = (random: SeededRandom) =>
  random.pick([
    '1',
    '"x"',
    '{"a":[1]}',
    '',
    '{',
    '1,"from":"boss"',
    '1}',
    '"a\u0000"',
    ' 1 ',
    '\ud800',
    '"x',
  ]);

const message = (random: SeededRandom) => ({
  from: user(random),
  id: id(random),
  to: user(random),
  body: body(random),
  at: at(random),
});
const receipt = (random: SeededRandom) => ({
  id: id(random),
  to: user(random),
  state: random.pick(['delivered', 'stored', 'rejected']),
  at: at(random),
});
const others = (random: SeededRandom) => [{ gateway: elsewhere(random), session: session(random) }];

const routeEntries: Entries = (random) => [
  { kind: 'message', ...message(random), seq: random.integer(0, 9) },
  { kind: 'message', ...message(random) },
  {
    kind: 'session-up',
    user: user(random),
    device: 'd',
    session: session(random),
    gateway: elsewhere(random),
    since: at(random),
    again: random.chance(0.5),
  },
  { kind: 'session-down', user: user(random), session: session(random) },
  {
    kind: 'pull',
    user: user(random),
    session: session(random),
    gateway: elsewhere(random),
    limit: random.pick([1, 500, 0, -5, 2 ** 31, Number.MAX_SAFE_INTEGER]),
  },
  { kind: 'confirm', user: user(random), keys: ['m1', 'r1', 'm99999999999999999999', '\u0000', '$1'] },
  { kind: 'lease', gateway: elsewhere(random), first: random.chance(0.5) },
  { kind: 'leave', gateway: elsewhere(random) },
];

const ackEntries: Entries = (random) => {
  const ack = { kind: 'ack', from: user(random), id: id(random), to: user(random), at: at(random) };
  return [ack, { ...ack, others: others(random) }];
};

const gatewayEntries: Entries = (random) => [
  { kind: 'message', session: session(random), ...message(random) },
  {
    kind: 'message',
    session: session(random),
    ...message(random),
    others: others(random),
    returned: 'disconnected',
  },
  { kind: 'receipt', session: session(random), user: user(random), ...receipt(random) },
  { kind: 'registered', session: session(random), mail: true },
  { kind: 'replaced', session: session(random) },
  { kind: 'late', session: session(random), since: at(random) },
  { kind: 'settled', session: session(random), from: user(random), id: id(random) },
  { kind: 'hint', session: session(random) },
  { kind: 'disconnect', session: session(random) },
  {
    kind: 'report',
    to: 'sixfold.admin.00000000-0000-0000-0000-000000000000',
    most: random.integer(1, 1_000),
  },
  {
    kind: 'mailbox',
    session: session(random),
    messages: [{ key: 'm1', ...message(random) }],
    receipts: [{ key: 'r1', ...receipt(random) }],
    more: true,
  },
];
