import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import {
  type Client,
  connect,
  type IncomingMessage,
  MemoryStorage,
  type OutgoingMessage,
} from '#libs/client/index.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { copiesOf, registerAway } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** Synced devices, connected and away, through a rolling restart of all services. */

const EVERY_MS = 25;
const PATIENCE_MS = 90_000;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ gateways: 3, routing: 2, ack: 2, env: { DRAIN_SPREAD_MS: '100' } });
});

afterAll(() => stack.stop());

/** A synced device, and what its application got. */
class Device {
  readonly client: Client;
  readonly got: IncomingMessage[] = [];
  /** What it was told of messages that another device sent. */
  readonly delivered = new Set<string>();
  readonly sent: OutgoingMessage[] = [];

  constructor(client: Client) {
    this.client = client;
    client.onMessage((message) => this.got.push(message));
    client.onReceipt(({ id, state }) => state === 'delivered' && this.delivered.add(id));
  }

  static async of(user: string, device: string): Promise<Device> {
    const urls = stack.gateways.map(({ url }) => url);
    const storage = new MemoryStorage();
    const made = new Device(connect({ urls, token: await stack.token(user), device, storage, sync: true }));
    onTestFinished(() => made.client.close({ flushMs: 0 }));
    await made.client.connected();
    return made;
  }

  /** Messages of this device that were delivered. */
  get settled(): number {
    return this.sent.filter(({ state }) => state === 'delivered').length;
  }

  /** Sends messages until it is aborted. */
  async talk(to: string, signal: AbortSignal): Promise<void> {
    for (let n = 0; !signal.aborted; n++) {
      this.sent.push(this.client.send(to, n));
      await delay(EVERY_MS);
    }
  }

  /** What its application got, each as often as it did: of another user, or of its own user's other devices. */
  ids(own: boolean): string[] {
    return this.got.flatMap((one) => ((one.own === true) === own ? [one.id] : [])).sort();
  }
}

const idsOf = (sent: readonly OutgoingMessage[]) => sent.map(({ id }) => id).sort();

test('each device gets every message once: of others, and what its user sent elsewhere; and every receipt', async () => {
  await registerAway(stack, 'bob', 'tablet');
  await registerAway(stack, 'alice', 'watch');
  const [desk, phone, laptop] = [
    await Device.of('alice', 'desk'),
    await Device.of('bob', 'phone'),
    await Device.of('bob', 'laptop'),
  ] as const;
  const talking = new AbortController();
  const talks = [desk.talk('bob', talking.signal), phone.talk('alice', talking.signal)];
  for (const service of [...stack.gateways, ...stack.routing, ...stack.ack]) {
    const before = desk.settled;
    await service.restart();
    await until(() => desk.settled > before, {
      what: 'messages to go through',
      timeoutMs: PATIENCE_MS,
    });
  }
  talking.abort();
  await Promise.all(talks);
  const [fromAlice, fromBob] = [idsOf(desk.sent), idsOf(phone.sent)];
  for (const { sent } of [desk, phone])
    for (const message of sent) expect(await message.settled()).toBe('delivered');

  const [tablet, watch] = [await Device.of('bob', 'tablet'), await Device.of('alice', 'watch')];
  const nothingLeft = async () =>
    (await copiesOf(stack, 'bob')).length + (await copiesOf(stack, 'alice')).length === 0;
  await until(nothingLeft, { what: 'every copy to be confirmed', timeoutMs: PATIENCE_MS });
  const told = () => watch.delivered.size === fromAlice.length && tablet.delivered.size === fromBob.length;
  await until(told, { what: 'every receipt on the devices that were away', timeoutMs: PATIENCE_MS });

  for (const device of [phone, laptop, tablet]) expect(device.ids(false)).toEqual(fromAlice);
  for (const device of [laptop, tablet]) expect(device.ids(true)).toEqual(fromBob);
  for (const device of [desk, watch]) expect(device.ids(false)).toEqual(fromBob);
  expect(watch.ids(true)).toEqual(fromAlice);
  expect([desk.ids(true), phone.ids(true)]).toEqual([[], []]);
  expect(fromAlice.length).toBeGreaterThan(20);
});
