import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { EXIT } from '../exit.ts';
import { run } from '../program.ts';
import { testSurroundings } from '../testing/surroundings.ts';
import { judgeQueues, judgeVersion } from './broker.ts';
import { judge as judgeCertificate } from './certificate.ts';
import { compareLimits } from './command.ts';
import { Findings, withoutPassword } from './finding.ts';
import { checkClock } from './login.ts';
import { checkSettings } from './settings.ts';

const NOW = Date.parse('2026-11-28');
const DAY = 86_400_000;

/** The levels and texts that a check found. */
function found(check: (findings: Findings) => void): string[] {
  const findings = new Findings('it');
  check(findings);
  return findings.list.map(({ level, what }) => `${level}: ${what}`);
}

test.each([
  [-3 * DAY, undefined, 'problem: ended 3 days ago'],
  [90 * DAY, 'SELF_SIGNED', 'problem: is not trusted (SELF_SIGNED)'],
  [5 * DAY, undefined, 'warning: ends in 5 days'],
  [90 * DAY, undefined, 'ok: is valid for 90 days'],
])('a certificate that ends in %i ms (%s): %s', (left, distrust, expected) => {
  expect(found((findings) => judgeCertificate({ end: NOW + left, distrust }, NOW, findings))).toEqual([
    expected,
  ]);
});

test.each([
  [NOW + 500, 'ok'],
  [NOW + 3_900, 'ok'],
  [NOW + 60_000, 'warning'],
  [NOW - 60_000, 'warning'],
])('a clock that says %i: %s', (at, level) => {
  expect(found((findings) => checkClock(at, NOW, 2_000, findings))[0]).toMatch(new RegExp(`^${level}: `));
});

test.each([
  ['3.9.29', 'problem'],
  ['3.10.0', 'ok'],
  ['4.2.1', 'ok'],
])('RabbitMQ %s: %s', (version, level) => {
  expect(found((findings) => judgeVersion(version, findings))).toEqual([`${level}: is RabbitMQ ${version}`]);
});

const queue = (name: string, consumers: number, messages = 0) => ({ name, consumers, messages });

test('queues without consumers, dead letters, and a broker without queues are found', () => {
  const queues = [
    queue('sixfold.route.0', 1),
    queue('sixfold.route.1', 0, 7),
    queue('sixfold.ack', 0),
    queue('sixfold.dead', 0, 2),
  ];
  expect(found((findings) => judgeQueues(queues, findings))).toEqual([
    'ok: has 2 route queues',
    'problem: sixfold.route.1 has no consumer, and holds 7 AMQP messages',
    'problem: sixfold.ack has no consumer, and holds 0 AMQP messages',
    'warning: sixfold.dead holds 2 AMQP messages',
  ]);
  expect(found((findings) => judgeQueues([], findings))).toEqual(['problem: has no queues of Sixfold']);
});

test.each<[NodeJS.ProcessEnv, RegExp]>([
  [{}, /^ok/],
  [{ RATE_BURST: '100' }, /RATE_BURST is smaller than SEND_WINDOW/],
  [{ MAX_PACKET_BYTES: '1000000' }, /quarter of MAX_SEND_BUFFER_BYTES/],
  [{ LOGIN_TIMEOUT_MS: '1000' }, /LOGIN_TIMEOUT_MS is shorter/],
  [{ MAILBOX_QUOTA: '10', MAILBOX_QUOTA_PER_SENDER: '20' }, /one sender can fill/],
  [{ WEBHOOK_URL: 'https://back.example/events' }, /EVENTS is empty/],
  [{ AUTH_SECRET: 'x'.repeat(32), AUTH_PUBLIC_KEY: 'y' }, /no gateway starts/],
  [{ SEND_WINDOW: 'many' }, /SEND_WINDOW/],
])('settings %o: %s', (env, expected) => {
  const { list } = checkSettings(env, '.env');
  expect(list.map(({ level, what }) => `${level}: ${what}`)).toEqual([expect.stringMatching(expected)]);
});

test('gateways that tell different limits have different settings', () => {
  const limits = { maxPacketBytes: 1, sendWindow: 1, receiveWindow: 1, ackTimeoutMs: 1, ratePerS: 1 };
  const of = (sendWindow: number) =>
    compareLimits(
      new Map([
        ['a', limits],
        ['b', { ...limits, sendWindow }],
      ]),
    ).list.map(({ level }) => level);
  expect([of(1), of(2)]).toEqual([['ok'], ['problem']]);
});

test('nothing runs: it says so of each part, with what to do, and shows no password', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sixfold-doctor-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const settings = join(folder, 'env');
  writeFileSync(settings, 'RATE_BURST=1\n');
  const surroundings = testSurroundings({
    AMQP_URL: 'amqp://user:very-secret@127.0.0.1:1/vhost',
    DATABASE_URL: 'postgres://user:very-secret@127.0.0.1:1/db',
  });
  const args = [
    'doctor',
    '--url',
    'ws://127.0.0.1:1',
    '--connect-timeout',
    '0.2',
    '--settings',
    settings,
    '--data',
    folder,
  ];
  const secret = process.env['AUTH_SECRET'];
  process.env['AUTH_SECRET'] = 'a secret of at least thirty-two bytes';
  onTestFinished(() => {
    if (secret === undefined) delete process.env['AUTH_SECRET'];
    else process.env['AUTH_SECRET'] = secret;
  });
  expect(await run(args, surroundings)).toBe(EXIT.failed);
  const lines = surroundings.text().split('\n');
  for (const about of [
    'ws://127.0.0.1:1/ws',
    'broker amqp://127.0.0.1:1/vhost',
    'database postgres://127.0.0.1:1/db',
    settings,
  ]) {
    const at = lines.findIndex((line) => line.startsWith(`✖ ${about}: `));
    expect(lines[at + 1], about).toMatch(/^ {4}→ .+\.$/);
  }
  expect(surroundings.text() + surroundings.errorText()).not.toContain('very-secret');
});

test('an address is shown without its password', () => {
  expect(withoutPassword('amqp://user:p@host:5672/v')).toBe('amqp://host:5672/v');
});
