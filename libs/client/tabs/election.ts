/// <reference lib="dom" />

/** What the election tells a tab. */
export interface ElectionPorts {
  lead(): void;
  /** Ends leadership, at once: nothing of it may run any more when this returns. */
  resign(): void;
}

/**
 * Makes one of the tabs of a storage the leader: the one that holds a Web Lock. The browser gives it to the next when the
 * leader's tab is closed or crashes. A tab that is about to be frozen, or kept in the back/forward cache, lets go of it
 * itself: a frozen leader could do nothing, and a frozen tab in the queue could become the leader. Where there are no Web
 * Locks, every tab leads, and the storage refuses all but one.
 */
export class Election {
  readonly #key: string;
  readonly #ports: ElectionPorts;
  #leaves: AbortController | undefined;
  #release: (() => void) | undefined;
  readonly #ended = new AbortController();

  constructor(name: string, ports: ElectionPorts) {
    this.#key = `sixfold-tabs:${name}`;
    this.#ports = ports;
    if (typeof document === 'undefined') return;
    const { signal } = this.#ended;
    document.addEventListener('freeze', () => this.#leave(), { signal });
    document.addEventListener('resume', () => this.enter(), { signal });
    addEventListener('pagehide', ({ persisted }) => persisted && this.#leave(), { signal });
    addEventListener('pageshow', () => this.enter(), { signal });
  }

  enter(): void {
    if (this.#leaves || this.#ended.signal.aborted) return;
    const leaves = new AbortController();
    this.#leaves = leaves;
    const lead = (): Promise<void> =>
      new Promise((release) => {
        if (this.#leaves !== leaves) {
          release();
          return;
        }
        this.#release = release;
        this.#ports.lead();
      });
    const { locks } = navigator as Partial<Pick<Navigator, 'locks'>>;
    if (!locks) void lead();
    // Where locks are forbidden, so is the storage, and says why.
    else
      locks
        .request(this.#key, { signal: leaves.signal }, lead)
        .catch(() => leaves.signal.aborted || void lead());
  }

  /** Leaves finally. */
  end(): void {
    this.#ended.abort();
    this.#leave();
  }

  #leave(): void {
    this.#leaves?.abort();
    this.#leaves = undefined;
    const release = this.#release;
    this.#release = undefined;
    if (!release) return;
    this.#ports.resign();
    release();
  }
}
