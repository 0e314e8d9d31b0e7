import { z } from 'zod';
import { AckEntry, GatewayEntry, RouteEntry } from '#libs/broker/entries.ts';
import { LiveSignal, SentSignal } from '#libs/broker/signal-entries.ts';
import {
  ACK_QUEUE,
  gatewayQueue,
  RETURNED_QUEUE,
  routeQueue,
  SIGNAL_EXCHANGE,
  SIGNAL_QUEUE,
} from '#libs/broker/topology.ts';
import type { SeededRandom } from '../testkit/seeded-random.ts';
import { mutateBytes, mutateJson, randomBytes } from './mutate.ts';

/** A message that no service wrote, for one of our queues. */
export interface Forgery {
  /** Default: the one that knows each queue by its name. */
  exchange?: string;
  /** The queue, or with an exchange the routing key. */
  queue: string;
  /** What is unreadable becomes a dead letter. */
  buried: boolean;
  content: Buffer;
  schema: z.ZodType;
  options: { contentType?: string; contentEncoding?: string; headers?: Record<string, unknown> };
}

/** Default of ROUTE_PARTITIONS, which the fuzzer does not change. */
const PARTITIONS = 8;
const MEGABYTE = 1024 * 1024;

const HUGE: readonly (() => Buffer)[] = [
  () => Buffer.alloc(16 * MEGABYTE, 0x20),
  () => Buffer.alloc(16 * MEGABYTE + 1, 0x5b),
  () => Buffer.from(`[${'0,'.repeat(4 * MEGABYTE)}0]`),
  () => Buffer.from(`[${'{},'.repeat(9_000)}{}]`),
  () => Buffer.from(JSON.stringify([{ kind: 'message', body: 'x'.repeat(15 * MEGABYTE) }])),
];
const ODD_TEXTS = [
  ...['', '[]', '{}', '[[]]', 'null', '[null]', '[0]', '"x"'],
  ...['['.repeat(50_000), `[${'['.repeat(20_000)}${']'.repeat(20_000)}]`],
];

/** Kinds that may end every session of a gateway. An attacker with rights on the broker may do that; it is no bug. */
const UNFAIR = ['tombstone', 'lease-granted'];

/** Values by the name of their field. They name no honest user, session or gateway, for the same reason. */
const VALUES: Record<string, (random: SeededRandom) => unknown> = {
  user: (random) => random.pick(['hostile-1', 'hostile-2', 'nobody', `forged-${random.integer(0, 50)}`]),
  id: (random) => random.pick(['m1', `f${random.integer(0, 1e9)}`, 'x'.repeat(64)]),
  gateway: (random) =>
    random.pick(['nobody.1', 'nobody.zz', `g${random.integer(0, 3)}.${random.integer(0, 3)}`]),
  session: (random) => `forged-${random.integer(0, 5)}`,
  at: (random) => random.pick([Date.now(), 0, -1, 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]),
  limit: (random) => random.pick([1, 500, 0, -5, 2 ** 31, Number.MAX_SAFE_INTEGER]),
  most: (random) => random.integer(1, 1_000),
  thread: (random) => random.pick(['g:1', 'x'.repeat(128)]),
  device: (random) => random.pick(['default', 'phone', 'd'.repeat(64)]),
  keys: () => ['m1', 'r1', 'm99999999999999999999', '\u0000', '$1'],
  /** Texts that are spliced into packets; some are no JSON. */
  body: (random) =>
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
    ]),
  'report.to': () => 'sixfold.admin.00000000-0000-0000-0000-000000000000',
};
for (const [name, like] of [
  ['from', 'user'],
  ['to', 'user'],
  ['since', 'at'],
  ['expires', 'at'],
] as const)
  VALUES[name] = (random) => VALUES[like]?.(random);

type JsonSchema = z.core.JSONSchema.BaseSchema;
const kindOf = ({ properties }: JsonSchema) =>
  String((properties?.['kind'] as JsonSchema | undefined)?.const);

/** A value that fits a schema, apart from the odd ones of {@link VALUES}. */
function valueOf(random: SeededRandom, schema: JsonSchema, name = '', kind = ''): unknown {
  const make = VALUES[`${kind}.${name}`] ?? VALUES[name];
  if (make) {
    const made = make(random);
    return schema.type === 'array' && !Array.isArray(made) ? [made] : made;
  }
  const { anyOf, oneOf, properties, required = [], items } = schema;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return random.pick(schema.enum);
  const any = ([...(anyOf ?? []), ...(oneOf ?? [])] as JsonSchema[]).filter(
    (one) => !UNFAIR.includes(kindOf(one)),
  );
  if (any.length > 0) return valueOf(random, random.pick(any), name, kind);
  if (properties) {
    const fields = Object.entries(properties as Record<string, JsonSchema>);
    const some = fields.filter(([field]) => required.includes(field) || random.chance(0.5));
    return Object.fromEntries(some.map(([field, of]) => [field, valueOf(random, of, field, kindOf(schema))]));
  }
  if (items)
    return Array.from({ length: random.integer(0, 2) }, () => valueOf(random, items as JsonSchema, name));
  if (schema.type === 'boolean') return random.chance(0.5);
  return schema.type === 'string' ? random.pick(['m1', 'r1', 'd']) : random.integer(0, 9);
}

/** Makes a message for a queue. @param gateway the incarnation of the gateway whose queues may be written to */
export function forgeryOf(random: SeededRandom, gateway: string): Forgery {
  const [gatewayId = ''] = gateway.split('.');
  const { schema, ...target } = random.pick<Omit<Forgery, 'content' | 'options'>>([
    { queue: routeQueue(random.integer(0, PARTITIONS - 1)), schema: RouteEntry, buried: true },
    { queue: ACK_QUEUE, schema: AckEntry, buried: true },
    { queue: gatewayQueue(gateway), schema: GatewayEntry, buried: true },
    { queue: RETURNED_QUEUE, schema: GatewayEntry, buried: true },
    { queue: SIGNAL_QUEUE, schema: SentSignal, buried: false },
    { exchange: SIGNAL_EXCHANGE, queue: gatewayId, schema: LiveSignal, buried: false },
  ]);
  const options = random.pick([
    {},
    {},
    { contentType: 'text/plain' },
    { contentType: 'application/octet-stream', contentEncoding: 'gzip' },
    { headers: { 'x-death': 'odd', x: { y: [1, null] } } },
    { headers: { signals: random.pick([-1, 1e308, '7', null]) } },
  ]);
  return { ...target, schema, options, content: contentOf(random, jsonSchemaOf(schema)) };
}

const cache = new Map<z.ZodType, JsonSchema>();
function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const known = cache.get(schema) ?? z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  cache.set(schema, known);
  return known;
}

function contentOf(random: SeededRandom, schema: JsonSchema): Buffer {
  if (random.chance(0.003)) return random.pick(HUGE)();
  const one = () => valueOf(random, schema);
  const how = random.integer(0, 9);
  const good = Array.from({ length: random.integer(0, 5) }, one);
  if (how < 2) return Buffer.from(JSON.stringify(good));
  const all = [...good, one()];
  const texts = all.map((entry) => (random.chance(0.7) ? mutateJson(random, entry) : JSON.stringify(entry)));
  if (how < 7) return Buffer.from(`[${texts.join(',')}]`);
  if (how < 8) return mutateBytes(random, Buffer.from(JSON.stringify(all)));
  return how < 9 ? randomBytes(random, 300) : Buffer.from(random.pick(ODD_TEXTS));
}
