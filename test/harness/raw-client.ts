import { connectRaw, type RawClient, type RawOptions } from '../../tools/testkit/client.ts';
import type { Stack } from './running-stack.ts';
import type { ServiceHandle } from '../../tools/testkit/service-handle.ts';

export { connectRaw, isHint, RawClient, type RawOptions } from '../../tools/testkit/client.ts';

/** Connects to a gateway as `user`, and logs in. */
export async function connectAs(
  stack: Stack,
  gateway: ServiceHandle | undefined,
  user: string,
  options: RawOptions = {},
): Promise<RawClient> {
  if (!gateway) throw new Error('the stack has no such gateway');
  const client = await connectRaw(gateway.url, { token: await stack.token(user), ...options });
  await client.login();
  return client;
}
