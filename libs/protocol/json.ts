import { z } from 'zod';
import { MAX_BODY_DEPTH } from './limits.ts';
import type { Json } from './packets.ts';

export type { Json } from './packets.ts';

/** The opaque `body` of a message: present, and otherwise not looked into (see bodyFault). */
export const Body = z.custom<Json>((value) => value !== undefined, { error: 'is required' });

/**
 * Why a parsed JSON value cannot be a message body, or undefined when it can.
 * A number that overflows a double would arrive as something else, and nesting without a bound would let one
 * packet exhaust a reader's stack (PROTOCOL: `body`).
 */
export function bodyFault(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'holds a number beyond a double';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === MAX_BODY_DEPTH) return `is nested deeper than ${MAX_BODY_DEPTH}`;
  for (const inner of Object.values(value)) {
    const fault = bodyFault(inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Whether a text is one JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Index just behind the string that starts at `start`. */
function skipString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first--;
  return (at - first) % 2 === 1;
}

/** Index just behind the value that starts at `start`, in an object: at the comma or brace that follows it. */
function skipValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  for (;;) {
    const character = text[at];
    if (character === '"') {
      at = skipString(text, at);
      continue;
    }
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth--;
    } else if (character === ',' && depth === 0) return at;
    at++;
  }
}

/**
 * The source text of one member of a JSON object, exactly as it was written: a value that is parsed and written
 * again is no longer the same one (`-0` becomes `0`), and a body that nobody looks into needs no second pass.
 *
 * @param text a JSON object; JSON.parse must have accepted it, nothing is checked here
 * @returns the last member of that name, as JSON.parse picks it, or undefined
 */
export function memberText(text: string, name: string): string | undefined {
  let found: string | undefined;
  let at = text.indexOf('{') + 1;
  for (;;) {
    const keyStart = text.indexOf('"', at);
    if (keyStart < 0) return found;
    const keyEnd = skipString(text, keyStart);
    const written = text.slice(keyStart + 1, keyEnd - 1);
    const key: unknown = written.includes('\\') ? JSON.parse(`"${written}"`) : written;
    const valueStart = text.indexOf(':', keyEnd) + 1;
    const valueEnd = skipValue(text, valueStart);
    if (key === name) found = text.slice(valueStart, valueEnd).trim();
    if (text[valueEnd] === '}') return found;
    at = valueEnd + 1;
  }
}
