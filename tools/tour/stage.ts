import { join } from 'node:path';
import { authSecretFile, readSecret, secretFromEnvironment, usesPublicKey } from '../stack/secret.ts';
import { readStackFile } from '../stack/stack-file.ts';

/** What the tour needs to know of a running stack. */
export interface Stage {
  readonly gateways: readonly [string, string];
  readonly secret: string;
}

/** Something does not run, or does not do what the tour shows: for people, without a stack trace. */
export class TourError extends Error {}

/** The running stack of a data folder. @throws TourError when there is none, or no token can be made for it */
export function findStage(dataDir: string): Stage {
  const [first, second] = readStackFile(dataDir)?.gateways ?? [];
  if (first === undefined) {
    throw new TourError(
      `No stack runs here: there is no ${join(dataDir, 'stack.json')}. Run npm start first.`,
    );
  }
  const secret = secretFromEnvironment() ?? readSecret(authSecretFile(dataDir));
  if (usesPublicKey() || !secret) {
    throw new TourError(
      'The tour makes its own tokens, and these gateways check them with a key it does not have.',
    );
  }
  return { gateways: [first, second ?? first], secret };
}
