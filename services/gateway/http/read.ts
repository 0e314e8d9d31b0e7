import { HttpRead } from '#libs/protocol/http.ts';
import { readR } from '../handlers/read.ts';
import { packetsIn } from '../metrics.ts';
import { jsonBody } from './body.ts';
import { actingUser } from './caller.ts';
import type { Endpoint } from './endpoint.ts';
import { unavailable } from './problems.ts';

/** POST /v1/read (PROTOCOL: read:R, read:A, over HTTP). */
export const read: Endpoint = {
  method: 'post',
  path: '/read',
  handle: async ({ gateway, caller }, request, response) => {
    const { items, user: named } = await jsonBody(request, gateway.config.MAX_PACKET_BYTES, HttpRead);
    const user = actingUser(caller, named, 'mailbox');
    packetsIn['read:R'].inc();
    await new Promise<void>((resolve, reject) => {
      readR(
        gateway,
        { user, accepted: () => resolve(), unavailable: (message) => reject(unavailable(message)) },
        { items },
      );
    });
    response.status(202).end();
  },
};
