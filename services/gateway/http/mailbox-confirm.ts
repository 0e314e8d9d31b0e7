import { HttpConfirm } from '#libs/protocol/http.ts';
import { packetsIn } from '../metrics.ts';
import { jsonBody } from './body.ts';
import { actingUser } from './caller.ts';
import type { Endpoint } from './endpoint.ts';
import { unavailable } from './problems.ts';

/** POST /v1/mailbox/confirm (PROTOCOL: offline:A, over HTTP). Answered when the broker has it. */
export const mailboxConfirm: Endpoint = {
  method: 'post',
  path: '/mailbox/confirm',
  handle: async ({ gateway, caller }, request, response) => {
    const { config, publishers } = gateway;
    const { keys, user: named, device } = await jsonBody(request, config.MAX_PACKET_BYTES, HttpConfirm);
    const user = actingUser(caller, named, 'mailbox');
    packetsIn['offline:A'].inc();
    await new Promise<void>((resolve, reject) => {
      publishers.route(
        user,
        { kind: 'confirm', user, keys, ...(device !== undefined && { device }) },
        {
          settled: (error) => {
            if (error) reject(unavailable('the confirmation was not taken; send it again'));
            else resolve();
          },
        },
      );
    });
    response.status(204).end();
  },
};
