import type { Request, Response } from 'express';
import type { Logger } from '#libs/runtime/logger.ts';
import type { Verify } from '../auth.ts';
import type { GatewayConfig } from '../config.ts';
import type { MsgContext } from '../handlers/msg.ts';
import type { Publishers } from '../publishers.ts';
import type { ReceiptProofs } from '../receipt-proofs.ts';
import type { Caller } from './caller.ts';
import type { Questions } from './questions.ts';
import type { SubjectRates } from './rate.ts';
import type { TokenChecks } from './token-checks.ts';

/** What HTTP needs of the gateway; the gateway is one. */
export interface HttpContext extends MsgContext {
  readonly config: GatewayConfig;
  readonly verify: Verify;
  readonly tokens: Pick<TokenChecks, 'check'>;
  readonly log: Pick<Logger, 'error' | 'warn' | 'info'>;
  readonly publishers: Pick<Publishers, 'route' | 'ack'>;
  readonly proofs: Pick<ReceiptProofs, 'prove' | 'verify'>;
  readonly questions: Pick<Questions, 'ask'>;
}

/** What a handler is given beside the request. */
export interface Call {
  readonly gateway: HttpContext;
  readonly rates: SubjectRates;
  readonly caller: Caller;
}

/**
 * One request of the contract's table, in a file of its own. To add one: a file that exports an `Endpoint`, and its line
 * in the list of `endpoints.ts`. The router checks the method (405), the token (401), the rate (429: one packet; a handler
 * charges what goes beyond) and that the token is not revoked (401), counts the request, and answers every Problem that the handler throws.
 */
export type Endpoint = { readonly method: 'get' | 'post' | 'delete'; readonly path: string } & (
  | { readonly handle: (call: Call, request: Request, response: Response) => void | Promise<void> }
  | { readonly handlePublic: (request: Request, response: Response) => void | Promise<void> }
);
