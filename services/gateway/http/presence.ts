import type { Present } from '#libs/broker/entries.ts';
import { HttpPresenceQuestion } from '#libs/protocol/http.ts';
import { jsonBody } from './body.ts';
import { requireService } from './caller.ts';
import type { Endpoint } from './endpoint.ts';
import { forbidden } from './problems.ts';

/** POST /v1/presence: where users are connected. A hint: a session may end at any moment. */
export const presence: Endpoint = {
  method: 'post',
  path: '/presence',
  handle: async ({ gateway, caller }, request, response) => {
    const service = requireService(caller, 'presence');
    const body = await jsonBody(request, gateway.config.MAX_PACKET_BYTES, HttpPresenceQuestion);
    const users = [...new Set(body.users)];
    const others = users.filter((user) => !service.mayActAs(user));
    if (others.length > 0) throw forbidden(`this service token does not act as ${others.join(', ')}`);
    // Any partition knows: presence is in the database.
    const { present = [] } = await gateway.questions.ask(users[0] ?? '', 'answer', (asker) => ({
      ...{ kind: 'presence', users },
      ...asker,
    }));
    response.json({ users: byUser(users, present) });
  },
};

function byUser(users: readonly string[], present: readonly Present[]) {
  const found = Map.groupBy(present, ({ user }) => user);
  return Object.fromEntries(
    users.map((user) => {
      const devices = found.get(user) ?? [];
      const shown = devices.map(({ device, since, sync }) => ({ device, since, sync }));
      return [user, { online: devices.length > 0, devices: shown }];
    }),
  );
}
