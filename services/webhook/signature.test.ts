import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { createSign, webhookId } from './signature.ts';

const [old, fresh, other] = ['old', 'fresh', 'other'].map(
  (name) => `whsec_${Buffer.alloc(32, name).toString('base64')}`,
) as [string, string, string];

test('whoever knows one of the secrets can verify a request, and nobody else', () => {
  const body = '[{"type":"message.stored","note":"é"}]';
  const headers = createSign([old, fresh])('msg_1', Date.now(), body);
  for (const secret of [old, fresh])
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
  const refused = (secret: string, text: string, sent: typeof headers) =>
    expect(() => new Webhook(secret).verify(text, sent)).toThrow(WebhookVerificationError);
  refused(other, body, headers);
  refused(old, `${body} `, headers);
  refused(old, body, { ...headers, 'webhook-id': 'msg_2' });
  refused(old, body, createSign([old])('msg_1', Date.now() - 600_000, body));
});

test('the id of a batch is that of its events in their order, the same in every version', () => {
  const events = ['a', 'b', 'c'].map((event) => ({ event }));
  expect(webhookId(events)).toMatchInlineSnapshot(`"msg_iAVT_Kj86pTjJe4s-0jlqYXMeX8"`);
  expect(webhookId(structuredClone(events))).toBe(webhookId(events));
  const others = [events.slice(1), events.toReversed(), [{ event: 'ab' }, { event: 'c' }]].map(webhookId);
  expect(new Set([webhookId(events), ...others]).size).toBe(4);
});
