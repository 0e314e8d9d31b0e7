import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, so that none of them runs alone at the end. Those that work much stand between those that
 * mostly wait.
 */
const SLOWEST = [
  'chaos',
  'partition',
  'webhook',
  'load-attacks',
  'ttl',
  'cluster',
  'full',
  'events',
  'local-stack',
  'bad-network',
  'outages',
  'load',
  'admission',
  'damaged-data',
  'sync',
  'revoked',
  'login',
  'http-messages',
  'errors',
  'signals',
  'sync-mailboxes',
  'lost-lease',
  'drain',
  'client-lists',
].map((name) => `/test/${name}.test.ts`);

/** Begins with the slowest files; the others follow in Vitest's own order. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = SLOWEST.findIndex((path) => moduleId.endsWith(path));
      return place === -1 ? SLOWEST.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
