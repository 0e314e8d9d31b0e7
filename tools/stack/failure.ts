/** Codes and words of the system, Erlang and PostgreSQL for a disk, or a share of it, that is full. */
const DISK_FULL = /\b(ENOSPC|EDQUOT)\b|No space left on device|Disk quota exceeded|\benospc\b|\bno_space\b/i;

/** What to tell the user of an error, with what to do where the message itself does not say so. */
export function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return DISK_FULL.test(text)
    ? `${text}\nThe disk is full. Make room, then start again: what was stored before is still there.`
    : text;
}
