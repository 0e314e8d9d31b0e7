import type { Endpoint } from './endpoint.ts';
import { messages } from './messages.ts';
import { openapi } from './openapi.ts';

/** All that is served under /v1. */
export const ENDPOINTS: readonly Endpoint[] = [messages, openapi];
