import { eventsConfig } from '../../../libs/events/config.ts';
import { ConfigError, readConfig } from '../../../libs/runtime/config.ts';
import { sessionConfig } from '../../../services/gateway/settings/session.ts';
import { accessConfig } from '../../../services/gateway/settings/access.ts';
import { mailboxConfig } from '../../../services/routing/config.ts';
import { webhookSettings } from '../../../services/webhook/config.ts';
import { Findings } from './finding.ts';

const SETTINGS = { ...sessionConfig, ...accessConfig, ...mailboxConfig, ...eventsConfig, ...webhookSettings };

type Settings = ReturnType<typeof read>;

const read = (env: NodeJS.ProcessEnv) => readConfig(SETTINGS, env);

/** Settings that fight each other: each is valid alone. */
const FIGHTS: readonly { when: (settings: Settings) => boolean; what: string; advice: string }[] = [
  {
    when: ({ RATE_BURST, SEND_WINDOW }) => RATE_BURST < SEND_WINDOW,
    what: 'RATE_BURST is smaller than SEND_WINDOW: a client that fills its window is `rate_limited`',
    advice: 'Raise RATE_BURST, or lower SEND_WINDOW.',
  },
  {
    when: ({ MAX_PACKET_BYTES, MAX_SEND_BUFFER_BYTES }) => MAX_PACKET_BYTES > MAX_SEND_BUFFER_BYTES / 4,
    what: 'MAX_PACKET_BYTES is more than a quarter of MAX_SEND_BUFFER_BYTES: one message fills what messages may take of it',
    advice: 'Raise MAX_SEND_BUFFER_BYTES to four packets or more.',
  },
  {
    when: ({ LOGIN_TIMEOUT_MS, CONFIRM_TIMEOUT_MS }) => LOGIN_TIMEOUT_MS < CONFIRM_TIMEOUT_MS,
    what: 'LOGIN_TIMEOUT_MS is shorter than CONFIRM_TIMEOUT_MS: a login ends before the broker has had its time',
    advice: 'Raise LOGIN_TIMEOUT_MS.',
  },
  {
    when: ({ MAILBOX_QUOTA, MAILBOX_QUOTA_PER_SENDER = 0 }) => MAILBOX_QUOTA_PER_SENDER > MAILBOX_QUOTA,
    what: 'MAILBOX_QUOTA_PER_SENDER is larger than MAILBOX_QUOTA: one sender can fill a mailbox',
    advice: 'Lower MAILBOX_QUOTA_PER_SENDER.',
  },
  {
    when: ({ WEBHOOK_URL, EVENTS }) => WEBHOOK_URL !== undefined && EVENTS.length === 0,
    what: 'WEBHOOK_URL is set, and EVENTS is empty: the webhook never gets an event',
    advice: 'Name the events in EVENTS, for routing, ack and webhook.',
  },
  {
    when: ({ AUTH_SECRET, AUTH_JWKS_URL, AUTH_PUBLIC_KEY }) =>
      [AUTH_SECRET, AUTH_JWKS_URL, AUTH_PUBLIC_KEY].filter((key) => key).length > 1,
    what: 'more than one of AUTH_SECRET, AUTH_JWKS_URL and AUTH_PUBLIC_KEY is set: no gateway starts',
    advice: 'Leave one.',
  },
];

/** Checks the settings of the services, as far as `env` has them; the others have their defaults. */
export function checkSettings(env: NodeJS.ProcessEnv, about: string): Findings {
  const findings = new Findings(about);
  try {
    const settings = read(env);
    const fights = FIGHTS.filter(({ when }) => when(settings));
    for (const { what, advice } of fights) findings.problem(what, advice);
    if (fights.length === 0) findings.ok('no setting fights another one');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    findings.problem(error.message, 'docs/CONFIGURATION.md has all settings with their bounds.');
  }
  return findings;
}
