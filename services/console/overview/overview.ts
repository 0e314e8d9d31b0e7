import { Metrics } from '#libs/runtime/metrics-text.ts';
import { ask } from './ask.ts';
import { type Figures, figuresOf, type Kind, kindOf } from './figures.ts';
import { type Part, partsOf, type Target } from './targets.ts';

/** A process as the console sees it now. */
export interface PartState {
  name: string;
  kind: Kind;
  /** Its base address. */
  http: string;
  /** `ready`, `not_ready` (it says why) or `unreachable`. */
  state: 'ready' | 'not_ready' | 'unreachable';
  /** Why it is not ready, a line each. */
  reasons: string[];
  figures: Figures | null;
}

export interface Overview {
  /** When, milliseconds since the epoch. */
  at: number;
  parts: PartState[];
}

/** Several pages that ask at a time get the same answer, milliseconds. */
const FRESH_MS = 500;

/** Asks all services for their metrics, when somebody looks. */
export class OverviewReader {
  readonly #targets: readonly Target[];
  #last: { began: number; overview: Promise<Overview> } | undefined;

  constructor(targets: readonly Target[]) {
    this.#targets = targets;
  }

  read(now = Date.now()): Promise<Overview> {
    if (!this.#last || now - this.#last.began >= FRESH_MS)
      this.#last = { began: now, overview: this.#read(now) };
    return this.#last.overview;
  }

  async #read(at: number): Promise<Overview> {
    const parts = await partsOf(this.#targets);
    return { at, parts: await Promise.all(parts.map(stateOf)) };
  }
}

async function stateOf({ name, http }: Part): Promise<PartState> {
  try {
    const [ready, metrics] = await Promise.all([ask(`${http}/readyz`), ask(`${http}/metrics`)]);
    const read = new Metrics(metrics.text);
    const isReady = ready.status === 200;
    return {
      name,
      kind: kindOf(name, read),
      http,
      state: isReady ? 'ready' : 'not_ready',
      reasons: isReady ? [] : ready.text.trim().split('\n'),
      figures: metrics.status === 200 ? figuresOf(read) : null,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, kind: kindOf(name), http, state: 'unreachable', reasons: [reason], figures: null };
  }
}
