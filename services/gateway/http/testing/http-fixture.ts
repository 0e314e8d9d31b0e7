import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { type JWTPayload, SignJWT } from 'jose';
import pino from 'pino';
import type { RouteEntry } from '#libs/broker/entries.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { ClientAddresses } from '../../admission/addresses.ts';
import { httpLimits, limitSockets, SOCKET_LIMITS } from '../../admission/sockets.ts';
import { createVerifier } from '../../auth.ts';
import { readGatewayConfig } from '../../config.ts';
import { createReceiptProofs } from '../../receipt-proofs.ts';
import type { HttpContext } from '../endpoint.ts';
import { Questions } from '../questions.ts';
import { HttpApi } from '../router.ts';

const SECRET = 'a secret of the unit tests, long enough for HS256';

/** /v1 on a port of its own, without a broker: a test sees what is published, and confirms it. */
export class HttpFixture {
  readonly api: HttpApi;
  readonly server: Server;
  readonly logged: string[] = [];
  /** What was published, and who waits for the confirm. */
  readonly routed: { user: string; entry: RouteEntry; pending: Pending | undefined }[] = [];
  /** Confirms at once; else the test does. */
  confirms = true;

  private constructor(env: Record<string, string>, parts: Partial<HttpContext>) {
    const config = readGatewayConfig({ AUTH_SECRET: SECRET, ...env });
    const log = pino({ level: 'warn' }, { write: (line: string) => void this.logged.push(line) });
    const route = (user: string, entry: RouteEntry, pending?: Pending) => {
      this.routed.push({ user, entry, pending });
      if (this.confirms) queueMicrotask(() => pending?.settled());
    };
    const { verify } = createVerifier(config, log);
    const tokens = { check: () => Promise.resolve() };
    this.api = new HttpApi({
      ...{ config, verify, authorizer: undefined, tokens, log },
      publishers: { route, ack: (_entry, pending) => pending.settled() },
      proofs: createReceiptProofs(config, log),
      questions: new Questions({ publishers: { route }, incarnation: { name: 'g.1', ready: true } }),
      ...parts,
    });
    this.server = createServer(httpLimits(SOCKET_LIMITS), express().use('/v1', this.api.router));
    const sockets = { ...SOCKET_LIMITS, maxConnectionsPerAddress: 0 };
    limitSockets(this.server, sockets, new ClientAddresses(undefined), { size: 0 }, this.api);
  }

  static async start(
    env: Record<string, string> = {},
    parts: Partial<HttpContext> = {},
  ): Promise<HttpFixture> {
    const fixture = new HttpFixture(env, parts);
    fixture.server.listen(0, '127.0.0.1');
    await once(fixture.server, 'listening');
    return fixture;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  [Symbol.dispose](): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  /** Sends a request. @param init `token`: whose; '' for none */
  async request(
    method: string,
    path: string,
    { token, body, type = 'application/json', headers = {} }: RequestOptions = {},
  ): Promise<{ status: number; json: unknown; headers: Headers }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(token !== '' && { authorization: `Bearer ${token ?? (await userToken('alice'))}` }),
        ...(body !== undefined && { 'content-type': type }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json: unknown = text === '' ? undefined : JSON.parse(text);
    return { status: response.status, json, headers: response.headers };
  }
}

export interface RequestOptions {
  token?: string;
  /** Text as it is, or a value to be written as JSON. */
  body?: unknown;
  type?: string;
  headers?: Record<string, string>;
}

export const sign = (payload: JWTPayload): Promise<string> =>
  new SignJWT(payload)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));

export const userToken = (sub: string, claims: JWTPayload = {}): Promise<string> => sign({ sub, ...claims });

export const serviceToken = (as: string[], scopes: string[]): Promise<string> =>
  sign({ sub: 'shop', sixfold: { as, scopes } });
