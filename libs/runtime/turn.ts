let turn = 0;
let isEnding = false;

/** Number of the event loop's current turn: what is read before the next `setImmediate` has the same one. */
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

/** Resolves in the next turn, when everybody else who has something to do has had a go. */
export const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
