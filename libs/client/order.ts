/**
 * Compares messages of one sender by their order of sending: by `seq` where both have one, else by `at` (PROTOCOL: what a
 * client must do, 6). For `Array.prototype.sort`.
 */
export function byOrder(a: { at: number; seq?: number }, b: { at: number; seq?: number }): number {
  if (a.seq !== undefined && b.seq !== undefined && a.seq !== b.seq) return a.seq - b.seq;
  return a.at - b.at;
}
