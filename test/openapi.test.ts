import { request as send } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openapiDocument } from '../services/gateway/http/openapi/document.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { OpenApi, type Operation } from './harness/openapi.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/**
 * Driven by the OpenAPI document: every request and every status in it is seen, each answer is as it says, and no other comes.
 */

const api = new OpenApi(openapiDocument());

let stack: Stack;
let gateway: ServiceHandle;
/** Statuses of requests whose bodies do not come, by operation. */
const slow = new Map<string, Promise<number>>();
/** Takes one request at a time, and one packet of each service. */
let tight: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ gateways: 1 });
  [gateway] = stack.gateways as [ServiceHandle];
  const limits = { MAX_HTTP_REQUESTS: '1', SERVICE_RATE_LIMIT_PER_S: '0.001', SERVICE_RATE_BURST: '1' };
  tight = await stack.addGateway(limits);
  // All at once: each takes as long as a body may.
  const token = await service();
  for (const operation of api.operations)
    if (operation.requestBody) slow.set(operation.operationId, slowly(operation, token));
});

afterAll(() => stack.stop());

interface Change {
  at?: ServiceHandle;
  token?: string | undefined;
  query?: string;
  type?: string;
  body?: string;
  path?: string;
  method?: string;
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** The example of the document as a request; with changes, one that must be refused. @returns its status, checked */
async function call(operation: Operation, change: Change): Promise<number> {
  const { path: template, parameters = [], requestBody, method } = operation;
  const path = parameters.reduce(
    (text, { name, example = '' }) => text.replace(`{${name}}`, example),
    template,
  );
  const [first] = Object.entries(requestBody?.content ?? {});
  const { type = first?.[0] } = change;
  const { example } = requestBody?.content[type ?? ''] ?? first?.[1] ?? {};
  const body = change.body ?? (isText(example) ? example : JSON.stringify(example));
  // A mailbox needs a user; where others need one, the example of the body has it.
  const query = change.query ?? (parameters.some(({ in: place }) => place === 'query') ? 'user=bob' : '');
  const url = `${(change.at ?? gateway).http}/v1${change.path ?? path}${query === '' ? '' : `?${query}`}`;
  const response = await fetch(url, {
    method: (change.method ?? method).toUpperCase(),
    headers: {
      ...(change.token !== undefined && { authorization: `Bearer ${change.token}` }),
      ...(requestBody && type !== undefined && { 'content-type': type }),
    },
    ...(requestBody && { body }),
  });
  api.check(operation, response.status, response.headers, await response.text());
  return response.status;
}

const ALL = ['send', 'mailbox', 'presence', 'admin'];
const service = (scopes = ALL, sub = 'service') =>
  stack.token(sub, { claims: { sixfold: { as: ['*'], scopes } } });
const isOpen = ({ security }: Operation) => security?.length === 0;
const tokenFor = (operation: Operation, ...args: Parameters<typeof service>) =>
  isOpen(operation) ? Promise.resolve(undefined) : service(...args);

const isFull = async () => (await fetch(`${tight.http}/v1/openapi.json`)).status === 503;

/** Runs while another request has the one place of the tight gateway. @param sub of that request, which has one packet */
async function whileFull<T>(sub: string, run: () => Promise<T>): Promise<T> {
  const token = await service(ALL, sub);
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': 99,
  };
  const request = send(`${tight.http}/v1/messages`, { method: 'POST', headers });
  request.on('error', () => undefined).write('{');
  try {
    await until(isFull, { what: 'a full gateway' });
    return await run();
  } finally {
    request.destroy();
    await until(async () => !(await isFull()), { what: 'a free place' });
  }
}

/** How each refusal is provoked, in whatever request. @returns the status that came */
const PROVOKE: Record<string, (operation: Operation) => Promise<number>> = {
  400: async (operation) => {
    const token = await service();
    if (operation.requestBody) return call(operation, { token, body: '{}' });
    if (operation.path.startsWith('/users/')) return call(operation, { token, path: nameless(operation) });
    return call(operation, { token, query: 'user=bob&limit=0' });
  },
  401: (operation) => call(operation, { token: undefined }),
  403: async (operation) => {
    const wrong = operation.operationId === 'sendMessage' ? 'mailbox' : 'send';
    return call(operation, { token: await service([wrong]) });
  },
  404: async (operation) => call(operation, { token: await service(), query: 'user=bob&device=toaster' }),
  408: (operation) => slow.get(operation.operationId) ?? Promise.resolve(0),
  413: async (operation) =>
    call(operation, { token: await service(), body: JSON.stringify('x'.repeat(70_000)) }),
  415: async (operation) => call(operation, { token: await service(), type: 'text/plain' }),
  429: async (operation) => {
    const token = await service(ALL, operation.operationId);
    await call(operation, { token, at: tight });
    return call(operation, { token, at: tight });
  },
  503: async (operation) => {
    const token = await tokenFor(operation, ALL, `${operation.operationId}-503`);
    return whileFull(`${operation.operationId}-full`, () => call(operation, { token, at: tight }));
  },
};

/** A path with a user that no rule allows. */
const nameless = ({ path }: Operation) => path.replace('{user}', 'b%20b').replace('{device}', 'phone');

/** The beginning of a body, and then nothing. */
async function slowly(operation: Operation, token: string): Promise<number> {
  const { path, method } = operation;
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': 99,
  };
  const request = send(`${gateway.http}/v1${path}`, { method: method.toUpperCase(), headers });
  request.write('{');
  const [status, answer, text] = await new Promise<[number, Headers, string]>((resolve, reject) => {
    request.on('error', reject).on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        resolve([response.statusCode ?? 0, new Headers(response.headers as Record<string, string>), body]);
      });
    });
  });
  request.destroy();
  api.check(operation, status, answer, text);
  return status;
}

test('the gateway serves this document, without a token', async () => {
  const response = await fetch(`${gateway.http}/v1/openapi.json`);
  expect(await response.json()).toEqual(openapiDocument());
});

describe.each(api.operations)('$method $path', (operation) => {
  const statuses = Object.keys(operation.responses);
  const successes = statuses.filter((status) => Number(status) < 300);

  test('its examples succeed, with every status of success', async () => {
    const seen = new Set<string>();
    const types = Object.keys(operation.requestBody?.content ?? { none: true });
    for (const type of types)
      seen.add(String(await call(operation, { token: await tokenFor(operation), type })));
    expect([...seen].sort()).toEqual(successes);
  });

  test('every other status in it can be provoked', () => {
    const refusals = statuses.filter((status) => !successes.includes(status));
    expect(Object.keys(PROVOKE)).toEqual(expect.arrayContaining(refusals));
  });

  test.each(Object.entries(PROVOKE))('%s comes where the document says so', async (status, provoke) => {
    expect((await provoke(operation)) === Number(status)).toBe(statuses.includes(status));
  });
});

const paths = Map.groupBy(api.operations, ({ path }) => path);
test.each([...paths])(
  '%s: another method is 405, with those that the document has',
  async (path, operations) => {
    const methods = operations.map(({ method }) => method.toUpperCase());
    const response = await fetch(`${gateway.http}/v1${path.replace(/\{\w+\}/g, 'x')}`, { method: 'PUT' });
    expect(response.status).toBe(405);
    const allowed = (response.headers.get('allow') ?? '').split(', ');
    expect(allowed.filter((method) => !['HEAD', 'OPTIONS'].includes(method)).sort()).toEqual(methods.sort());
  },
);
