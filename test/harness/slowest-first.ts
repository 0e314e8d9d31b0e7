import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, so that none of them runs alone at the end. */
const SLOWEST = [
  'chaos',
  'full',
  'local-stack',
  'outages',
  'partition',
  'cluster',
  'bad-network',
  'drain',
  'errors',
  'load-attacks',
  'order',
  'login',
  'secure-backends',
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
