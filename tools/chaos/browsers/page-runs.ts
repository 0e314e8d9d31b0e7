import { Counter, type Counts } from '../clients/counter.ts';
import type { ClientEvent } from '../history.ts';

/** One load of a page. */
interface Run {
  counter: Counter;
  /** The last sheet of the page's journal that was taken. */
  sheet: number;
  ended: boolean;
}

/** The loads of the pages of one browser: each is a run of clients. */
export class PageRuns {
  readonly #pages: number;
  readonly #write: (event: ClientEvent) => void;
  /** By number, from 1. */
  readonly #runs = new Map<number, Run>();
  /** The run of each page that is open, by page. */
  readonly #live = new Map<number, number>();

  /** @param pages that are open when all is well */
  constructor(pages: number, write: (event: ClientEvent) => void) {
    this.#pages = pages;
    this.#write = write;
  }

  /** A page was loaded. @returns the number of the run */
  begin(page: number): number {
    const run = this.#runs.size + 1;
    this.#runs.set(run, { counter: new Counter(), sheet: 0, ended: false });
    this.#live.set(page, run);
    return run;
  }

  /** The page goes, or all do: nothing of it counts any more. */
  over(page?: number): void {
    if (page === undefined) this.#live.clear();
    else this.#live.delete(page);
  }

  /** @throws Error when the page has gone: it must do nothing that is not on record */
  write(run: number, sheet: number, events: readonly ClientEvent[]): void {
    const known = this.#of(run);
    if (known.sheet === sheet) return; // sent again
    known.sheet = sheet;
    for (const event of events) this.#write(event);
  }

  count(run: number, counter: Counter): void {
    this.#of(run).counter = counter;
  }

  ended(run: number): void {
    this.#of(run).ended = true;
  }

  get allEnded(): boolean {
    return this.#open.every(({ ended }) => ended);
  }

  /** Of all open pages together. */
  get counter(): Counter {
    const counters = this.#open.map(({ counter }) => counter);
    const complete = counters.length === this.#pages;
    const sum = (count: (counter: Counter) => number) =>
      counters.reduce((total, counter) => total + count(counter), 0);
    return Object.assign(new Counter(), {
      arrived: complete && counters.every(({ arrived }) => arrived),
      settled: complete && counters.every(({ settled }) => settled),
      offline: sum(({ offline }) => offline),
      waiting: sum(({ waiting }) => waiting),
    });
  }

  /** A count over all runs. */
  total(count: keyof Counts): number {
    return [...this.#runs.values()].reduce((sum, { counter }) => sum + counter[count], 0);
  }

  get #open(): Run[] {
    return [...this.#live.values()].map((run) => this.#of(run));
  }

  #of(run: number): Run {
    const known = this.#runs.get(run);
    if (!known || ![...this.#live.values()].includes(run)) throw new Error(`run ${run} is over`);
    return known;
  }
}
