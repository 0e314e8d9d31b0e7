import express from 'express';
import { SignJWT } from 'jose';
import { HttpError, ServerClient, verifyWebhook, WebhookError } from '@sixfold/client/server';
import { push } from './push.js';

const { SIXFOLD_URL = 'http://127.0.0.1:8080', AUTH_SECRET, WEBHOOK_SECRET, PORT = '3000' } = process.env;
if (!AUTH_SECRET || !WEBHOOK_SECRET) throw new Error('set AUTH_SECRET and WEBHOOK_SECRET');
const key = new TextEncoder().encode(AUTH_SECRET.trim());

const sign = (subject, claims = {}) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(key);

// The token of this back end: it may send as the user "shop", and nothing else.
const token = () => sign('orders', { sixfold: { as: ['shop'], scopes: ['send'] } });
const sixfold = new ServerClient({ url: SIXFOLD_URL, token });

/** Events come at least once. Keep those that you have handled in your database, not in memory. */
const handled = new Set();

const app = express();

// A user's app asks for the token of its WebSocket. Here your own login must say which user it is.
app.get('/token', async (request, response) => {
  const user = request.get('x-demo-user');
  if (user) response.type('text').send(await sign(user));
  else response.sendStatus(401);
});

// The order system reports a change. The same change has the same id, so that it may be reported again.
app.post('/orders/:order/:state', express.json(), async (request, response) => {
  const { order, state } = request.params;
  const id = `order-${order}-${state}`;
  const message = {
    from: 'shop',
    to: request.body.user,
    id,
    thread: `order-${order}`,
    body: { order, state },
  };
  response.status(202).json(await sixfold.sendMessage(message));
});

// Sixfold reports events. The body must be as it came: the signature is over its bytes.
app.post('/webhook', express.raw({ type: () => true, limit: '1mb' }), async (request, response) => {
  for (const event of verifyWebhook(request.body, request.headers, WEBHOOK_SECRET)) {
    if (event.type !== 'message.stored' || handled.has(event.event)) continue;
    await push(event.to, `News of ${event.thread ?? event.from}`); // if it fails, the events come again
    handled.add(event.event);
  }
  response.sendStatus(204);
});

// eslint-disable-next-line no-unused-vars -- Express knows an error handler by its four parameters
app.use((error, request, response, next) => {
  console.error(error.message);
  const status =
    error instanceof WebhookError ? 400 : error instanceof HttpError ? 502 : (error.status ?? 500);
  response.status(status).json({ error: error.code ?? error.name });
});

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listens at http://127.0.0.1:${server.address().port}`);
});
