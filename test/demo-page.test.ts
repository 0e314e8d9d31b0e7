import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPage } from '../tools/stack/page.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { readMetrics } from './harness/metrics.ts';
import { connectRaw } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';

/** The part of the demo page that a gateway serves; in a browser: demo-browser.test.ts. */

const TOKENS_PER_MIN = 5;

let stack: Stack;
let plain: ServiceHandle;
let demo: ServiceHandle;

beforeAll(async () => {
  expect(await buildPage()).toBeUndefined();
  stack = await startStack({ gateways: 1 });
  [plain] = stack.gateways as [ServiceHandle];
  demo = await stack.addGateway({
    DEMO: '1',
    DEMO_TOKENS_PER_MIN: String(TOKENS_PER_MIN),
    DEMO_GATEWAYS: 'ws://127.0.0.1:1234/ws',
  });
});

afterAll(() => stack.stop());

const askToken = (gateway: ServiceHandle, body: object) =>
  fetch(`${gateway.http}/demo/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('without DEMO=1 there is nothing: no page, no settings, no tokens', async () => {
  for (const path of ['/', '/index.html', '/icon.svg', '/demo/config'])
    expect([path, (await fetch(plain.http + path)).status]).toEqual([path, 404]);
  expect((await askToken(plain, { user: 'alice' })).status).toBe(404);
});

test('the page and its files come with a strict policy, and run no inline script or style', async () => {
  const page = await fetch(`${demo.http}/`);
  const html = await page.text();
  expect(page.status).toBe(200);
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
  expect(policy).toContain("connect-src 'self' ws://127.0.0.1:1234;");
  expect(policy).not.toMatch(/unsafe|\*/);
  expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)/);
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
  expect(files.length).toBeGreaterThanOrEqual(3);
  for (const path of files) {
    const file = await fetch(demo.http + path);
    expect([path, file.status, file.headers.get('content-security-policy')]).toEqual([path, 200, policy]);
  }
  expect((await fetch(`${demo.http}/healthz`)).status).toBe(200);
});

test('a demo token logs in; each address has a limit, and a request without a user id gets none', async () => {
  const counts = async () => {
    const metrics = await readMetrics(demo.http);
    const of = (outcome: string) => metrics.value('sixfold_demo_tokens_total', { outcome });
    return { given: of('given'), limited: of('limited'), refused: of('refused') };
  };
  const before = await counts();
  const { token } = (await (await askToken(demo, { user: 'alice' })).json()) as { token: string };
  await using alice = await connectRaw(demo.url, { token });
  expect(await alice.login()).toMatchObject({ type: 'login:A', user: 'alice' });
  expect((await askToken(demo, { user: 'not a user id' })).status).toBe(400);
  const more = await Promise.all(
    Array.from({ length: TOKENS_PER_MIN }, async () => (await askToken(demo, { user: 'bob' })).status),
  );
  expect(more.sort()).toEqual([200, 200, 200, 429, 429]);
  const after = await counts();
  expect(after).toEqual({
    given: before.given + 4,
    limited: before.limited + 2,
    refused: before.refused + 1,
  });
});

test('a page of another name, and another machine behind a trusted proxy, get nothing', async () => {
  const { port } = new URL(demo.http);
  const asked = await fetch(`http://localhost:${port}/demo/config`);
  expect(asked.status).toBe(200);
  const proxied = await stack.addGateway({ DEMO: '1', TRUSTED_PROXIES: '127.0.0.1' });
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  expect((await fetch(`${proxied.http}/demo/config`, { headers })).status).toBe(403);
});

test('without AUTH_SECRET there are no tokens, and the page is told so', async () => {
  const other = await stack.addGateway({
    ...{ DEMO: '1', AUTH_SECRET: '', AUTH_JWKS_URL: 'http://127.0.0.1:9/keys', ALLOW_PLAIN_HTTP: '1' },
    RECEIPT_SECRET: 'r'.repeat(32),
  });
  expect(await (await fetch(`${other.http}/demo/config`)).json()).toMatchObject({ tokens: false });
  expect((await askToken(other, { user: 'alice' })).status).toBe(501);
});
