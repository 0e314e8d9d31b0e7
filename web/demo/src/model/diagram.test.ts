import { expect, test } from 'vitest';
import { layOut } from './diagram.ts';
import { after, MESSAGE, packet, SIX_PACKETS, twoPeople } from './testing.ts';

const draw = (world: ReturnType<typeof twoPeople>) => layOut(world, 500, 0);
const packetsOf = ({ rows }: ReturnType<typeof draw>) => rows.filter((row) => row.kind === 'packet');

test('sender, gateway, broker, gateway, receiver: from left to right', () => {
  const { lifelines } = draw(after(twoPeople(), SIX_PACKETS));
  expect(lifelines.map(({ label }) => label)).toEqual(['alice', 'gateway-1', 'RabbitMQ', 'gateway-2', 'bob']);
  expect(lifelines.map(({ x }) => x)).toEqual([50, 150, 250, 350, 450]);
});

test('every packet is an arrow between its person and gateway, and one to or from the broker', () => {
  const rows = packetsOf(draw(after(twoPeople(), SIX_PACKETS)));
  expect(rows.map(({ packet: { type }, legs }) => [type, ...legs.map(({ from, to }) => [from, to])])).toEqual(
    [
      ['msg:R', [50, 150], [150, 250]],
      ['msg:A', [250, 150], [150, 50]],
      ['msg:N', [250, 350], [350, 450]],
      ['ack:R', [450, 350], [350, 250]],
      ['ack:A', [250, 350], [350, 450]],
      ['ack:N', [250, 150], [150, 50]],
    ],
  );
});

test('a packet that was lost on its way out does not reach the broker', () => {
  const lost = packet('bob', 'out', { type: 'ack:R', id: 'm1', from: 'alice' }, 'dropped');
  const row = packetsOf(draw(after(twoPeople(), [lost])))[0];
  expect(row?.legs).toEqual([{ from: 450, to: 350, inferred: false }]);
});

test('a highlighted message shows its packets only, numbered, with its sender on the left', () => {
  const other = packet('alice', 'out', { type: 'msg:R', id: 'm2', to: 'bob' });
  const again = packet('alice', 'in', { type: 'ack:N', id: 'm1', to: 'bob', state: 'delivered' });
  const world = after(twoPeople(), [other, ...SIX_PACKETS, again, { type: 'focused', message: MESSAGE }]);
  const diagram = draw(world);
  expect(packetsOf(diagram).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, undefined]);
  expect(diagram.rows.flatMap((row) => (row.kind === 'note' ? row.text : []))).toContain(
    'routing: bob is at gateway-2',
  );
  const fromBob = packet('bob', 'out', { type: 'msg:R', id: 'b1', to: 'alice' });
  const focused = after(world, [fromBob, { type: 'focused', message: 'bob/b1' }]);
  expect(draw(focused).lifelines[0]?.label).toBe('bob');
});

test('the steps of the services stand before the packets that they lead to, with their times', () => {
  const step = (
    service: string,
    name: string,
    startedAt: number,
    endedAt: number,
    previousEndedAt?: number,
  ) => ({
    ...{ service, instance: 'gateway-1', step: name, outcome: 'live', startedAt, endedAt, previousEndedAt },
  });
  const steps = [
    step('gateway', 'accept', 0, 3.25),
    step('routing', 'route', 5, 6.5, 3.25),
    step('gateway', 'receipt', 9, 9, 8),
  ];
  const focused = after(twoPeople(), [...SIX_PACKETS, { type: 'focused', message: MESSAGE }]);
  const world = after(focused, [{ type: 'traced', message: MESSAGE, steps }]);
  const { rows } = draw(world);
  expect(rows.map((row) => (row.kind === 'packet' ? row.packet.type : row.text))).toEqual([
    'msg:R',
    'gateway-1: on disk at RabbitMQ, 3.3 ms',
    'msg:A',
    '1.8 ms in the queue · routing: bob is at gateway-2, 1.5 ms',
    'msg:N',
    'ack:R',
    'the confirmation is on disk',
    'ack:A',
    'gateway-1: the receipt goes straight to gateway-1',
    'ack:N',
  ]);
  expect(after(focused, [{ type: 'traced', message: 'alice/another', steps }]).steps).toEqual([]);
});

test('a pause is shown where nothing passed for a second', () => {
  const late = packet('alice', 'out', { type: 'msg:R', id: 'm1', to: 'bob' }, 'passed', 5_000);
  const { rows } = draw(after(twoPeople(), [...SIX_PACKETS, late]));
  expect(rows.flatMap((row) => (row.kind === 'gap' ? row.text : []))).toEqual(['5.0 s later']);
});

test('people at one gateway have a line of it on each side', () => {
  const world = after(twoPeople(), [{ type: 'changed', who: 'p2', change: { gateway: 'gateway-1' } }]);
  const { lifelines } = draw(world);
  expect(lifelines.map(({ label }) => label)).toEqual(['alice', 'gateway-1', 'RabbitMQ', 'gateway-1', 'bob']);
});
