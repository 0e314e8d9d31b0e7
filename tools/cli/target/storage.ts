import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Storage } from '../../../libs/client/index.ts';

/** Opens a LevelDB storage, readable by its owner only: it holds messages. */
export async function levelStorage(folder: string): Promise<Storage> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { LevelStorage } = await import('../../../libs/client/storage/level.ts');
  return new LevelStorage(folder);
}

/** The folder of a user on a device at a gateway, among this machine user's state (XDG base directories). */
export function storageFolder(
  env: NodeJS.ProcessEnv,
  { url, user, device }: { url: string; user: string; device: string },
): string {
  const state = env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state');
  const [host, name] = [new URL(url).host, `${user} ${device}`].map(encodeURIComponent);
  return join(state, 'sixfold', host ?? '', name ?? '');
}
