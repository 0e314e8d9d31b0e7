/** @throws Error when something was lost or out of order: then the figures mean nothing */
export function verify(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(`what was measured is not what was promised:\n${faults.join('\n')}`);
}
