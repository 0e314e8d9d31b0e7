import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, so that none of them runs alone at the end. Those that work much stand between those that
 * mostly wait.
 */
const SLOWEST = [
  'chaos',
  'webhook',
  'load-attacks',
  'partition',
  'events',
  'browsers',
  'package',
  'demo-kill',
  'ttl',
  'cli',
  'cluster',
  'demo-looks',
  'signals',
  'wake-ups',
  'full',
  'demo-browser',
  'local-stack',
  'console-browser',
  'bad-network',
  'browsers-planted',
  'load',
  'damaged-data',
  'outages',
  'demo-people',
  'admission',
  'ill-instance',
  'sync',
  'revoked',
  'login',
  'http-messages',
  'errors',
  'sync-mailboxes',
  'rolling-restart',
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
