import type { Request } from 'express';
import { mailboxPage } from '#libs/protocol/encode.ts';
import { HttpMailboxQuery } from '#libs/protocol/http.ts';
import { trace } from '#libs/runtime/trace.ts';
import { packetsIn } from '../metrics.ts';
import { checked } from './body.ts';
import { actingUser } from './caller.ts';
import type { Call, Endpoint } from './endpoint.ts';
import { notFound } from './problems.ts';

/** Query strings have no numbers; what is none stays as it is, and is refused. */
const asNumber = (text: unknown) =>
  typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text;

/** GET /v1/mailbox (PROTOCOL: offline:R, offline:N, over HTTP). */
export const mailbox: Endpoint = {
  method: 'get',
  path: '/mailbox',
  handle: async (call, request, response) => {
    const page = await readPage(call, request);
    response.set('Cache-Control', 'no-store').type('json').send(page);
  },
};

/** Asks routing for a page. @throws Problem */
async function readPage({ gateway, caller }: Call, { query }: Request): Promise<string> {
  const {
    limit,
    user: named,
    device,
  } = checked(HttpMailboxQuery, {
    ...query,
    limit: asNumber(query['limit']),
  });
  const user = actingUser(caller, named, 'mailbox');
  packetsIn['offline:R'].inc();
  const which = device === undefined ? { whole: true as const } : { device };
  const page = await gateway.questions.ask(user, 'mailbox', (asker) => ({
    ...{ kind: 'pull', user, limit },
    ...which,
    ...asker,
  }));
  if (page.unsynced) throw notFound(`device: ${device ?? ''} is not a synced device of this user`);
  for (const { from, id, key } of page.messages) trace('mailbox page', from, id, { user, key });
  for (const { id, state, key } of page.receipts) trace('mailbox page', user, id, { state, key });
  const { proofs } = gateway;
  const messages = page.messages.map((message) => ({
    ...message,
    bodyText: message.body,
    read: message.read && proofs.prove(message.from, message.id, user),
  }));
  return mailboxPage(messages, page.receipts, page.more, page.missed);
}
