import { reduce } from './model/reduce.ts';
import type { Happening, World } from './model/world.ts';

/** The world, and who wants to know when it changes. */
export class Store {
  #world: World;
  readonly #listeners = new Set<() => void>();

  constructor(world: World) {
    this.#world = world;
  }

  get world(): World {
    return this.#world;
  }

  readonly tell = (event: Happening): void => {
    this.#world = reduce(this.#world, event);
    for (const listener of this.#listeners) listener();
  };

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
