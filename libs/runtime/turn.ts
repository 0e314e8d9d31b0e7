let turn = 0;
let isEnding = false;

/** Number of the event loop's current turn: data read before the next `setImmediate` belongs to the same turn. */
export function currentTurn(): number {
  if (!isEnding) {
    isEnding = true;
    setImmediate(() => {
      isEnding = false;
      turn++;
    });
  }
  return turn;
}

/** Resolves in the next turn, after all other pending work. */
export const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
