/// <reference lib="dom" />
import type { ClientEvent } from '../../history.ts';

/** Between two tries to write the same, milliseconds. */
const AGAIN_MS = 100;

/** What happens in a page, written down at its site in order: a page that is killed loses nothing that anything came of. */
export class Journal {
  readonly #run: number;
  #waiting: ClientEvent[] = [];
  #last: Promise<void> = Promise.resolve();
  #sheets = 0;

  /** @param run of the page */
  constructor(run: number) {
    this.#run = run;
  }

  write(event: ClientEvent): void {
    this.#waiting.push(event);
    // What comes while a request is under way goes with the next.
    if (this.#waiting.length === 1) this.#last = this.#last.then(() => this.#post());
  }

  /** Resolves when the site has everything so far; in the order of the calls. Never, where the page goes before that. */
  written(): Promise<void> {
    return this.#last;
  }

  async #post(): Promise<void> {
    const body = JSON.stringify(this.#waiting);
    this.#waiting = [];
    // The site takes a sheet once: whether it has this one is not known after a request that failed.
    const address = `/history?run=${this.#run}&sheet=${++this.#sheets}`;
    for (let ok = false; !ok;) {
      ok = await fetch(address, { method: 'POST', body }).then(
        (response) => response.ok,
        () => false,
      );
      if (!ok) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
