import { packetsIn } from '../metrics.ts';
import type { Endpoint } from './endpoint.ts';
import { deviceOf, ownOrAdmin } from './user-path.ts';

/** GET /v1/users/USER/devices: the synced devices. */
export const devices: Endpoint = {
  method: 'get',
  path: '/users/:user/devices',
  handle: async ({ gateway, caller }, request, response) => {
    const user = ownOrAdmin(caller, request);
    const answer = await gateway.questions.ask(user, 'answer', (asker) => ({
      ...{ kind: 'devices', user },
      ...asker,
    }));
    response.set('Cache-Control', 'no-store').json({ devices: answer.devices ?? [] });
  },
};

/** DELETE /v1/users/USER/devices/DEVICE (PROTOCOL: logout:R, over HTTP). Answered when its mailbox is gone. */
export const removeDevice: Endpoint = {
  method: 'delete',
  path: '/users/:user/devices/:device',
  handle: async ({ gateway, caller }, request, response) => {
    const user = ownOrAdmin(caller, request);
    const device = deviceOf(request);
    packetsIn['logout:R'].inc();
    await gateway.questions.ask(user, 'logged-out', (asker) => ({
      ...{ kind: 'logout', user, device },
      ...asker,
    }));
    response.status(204).end();
  },
};
