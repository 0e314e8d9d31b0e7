import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { verifyWebhook, WebhookError } from './webhook.ts';

const secretOf = (text: string) => `whsec_${Buffer.from(text.padEnd(24, '.')).toString('base64')}`;
const [SECRET, OTHER] = [secretOf('first'), secretOf('second')];
const EVENTS = [
  { type: 'message.stored', event: 'e1', from: 'alice', id: 'm1', to: 'bob', at: 7 },
  { type: 'session.up', event: 'e2', user: 'bob', device: 'default', at: 8 },
];
const BODY = JSON.stringify(EVENTS);

function signed(body: string, secret = SECRET, date = new Date()) {
  return {
    'webhook-id': 'w1',
    'webhook-timestamp': String(Math.floor(date.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign('w1', date, body),
  };
}

test('a signed request gives its events, as text or bytes, with the headers of Node or of fetch', () => {
  expect(verifyWebhook(BODY, signed(BODY), SECRET)).toEqual(EVENTS);
  expect(verifyWebhook(new TextEncoder().encode(BODY), new Headers(signed(BODY)), SECRET)).toEqual(EVENTS);
});

test('while the secret changes either is right, at either end', () => {
  expect(verifyWebhook(BODY, signed(BODY, OTHER), `${SECRET},${OTHER}`)).toEqual(EVENTS);
  const both = `${signed(BODY)['webhook-signature']} ${signed(BODY, OTHER)['webhook-signature']}`;
  expect(verifyWebhook(BODY, { ...signed(BODY), 'webhook-signature': both }, OTHER)).toEqual(EVENTS);
});

test.each([
  ['another secret', BODY, signed(BODY, OTHER)],
  ['a changed body', BODY.replace('bob', 'eve'), signed(BODY)],
  ['another id', BODY, { ...signed(BODY), 'webhook-id': 'w2' }],
  ['an old request', BODY, signed(BODY, SECRET, new Date(Date.now() - 600_000))],
  ['no signature', BODY, {}],
  ['a signature that is no text', BODY, { ...signed(BODY), 'webhook-signature': ['v1,x'] }],
  ['no list', '{}', signed('{}')],
  ['a list of something else', '[{"type":"x"}]', signed('[{"type":"x"}]')],
  ['no JSON', '[', signed('[')],
  ['an empty body', '', signed('')],
])('%s is refused', (_name, body, headers) => {
  expect(() => verifyWebhook(body, headers, SECRET)).toThrow(WebhookError);
});

test('a secret that is none is the mistake of the caller', () => {
  expect(() => verifyWebhook(BODY, signed(BODY), 'whsec_!')).not.toThrow(WebhookError);
  expect(() => verifyWebhook(BODY, signed(BODY), 'whsec_!')).toThrow(Error);
});
