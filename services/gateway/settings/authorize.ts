import { integer, webAddress } from '#libs/runtime/config.ts';

/** Where the operator says who may write to whom. */
export const authorizeConfig = {
  AUTHORIZE_URL: webAddress.optional().meta({
    description: 'Address to ask. Its query may hold a key of yours; a user name or password is refused.',
  }),
  AUTHORIZE_CACHE_MS: integer(30_000, 0).meta({
    unit: 'ms',
    description:
      'How long an answer, yes or no, is used for the same sender and receiver. 0: the gateway asks for each message.',
  }),
  AUTHORIZE_TIMEOUT_MS: integer(2_000, 10, 60_000).meta({
    unit: 'ms',
    description: 'Longest time a message waits for the answer; then it gets `unavailable`.',
  }),
};
