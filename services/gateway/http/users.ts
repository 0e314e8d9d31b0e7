import type { Call, Endpoint } from './endpoint.ts';
import { onlyAdmin } from './user-path.ts';

/** POST /v1/users/USER/revoke: ends the sessions; tokens issued before now are refused (PROTOCOL: revoked). */
export const revokeUser: Endpoint = {
  method: 'post',
  path: '/users/:user/revoke',
  handle: async (call, request, response) => {
    await order(call, 'revoke', onlyAdmin(call.caller, request));
    response.status(204).end();
  },
};

/** DELETE /v1/users/USER: the same, and answered when nothing of the user is left. */
export const eraseUser: Endpoint = {
  method: 'delete',
  path: '/users/:user',
  handle: async (call, request, response) => {
    await order(call, 'erase', onlyAdmin(call.caller, request));
    response.status(204).end();
  },
};

async function order({ gateway, caller }: Call, kind: 'revoke' | 'erase', user: string): Promise<void> {
  gateway.log.info({ user, by: caller.sub }, `${kind} ordered over HTTP`);
  const at = Date.now();
  await gateway.questions.ask(user, 'answer', (asker) => ({ kind, user, at, ...asker }));
}
