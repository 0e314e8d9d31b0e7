/* Checks of values from outside: packets of the server, and answers of the application's storage. */

/** Whether a value is as expected. */
export type Check = (value: unknown) => boolean;

/** Checks by the name of the field; other fields may hold anything. */
export type Shape = Record<string, Check>;

export const text: Check = (value) => typeof value === 'string';
export const number: Check = (value) => typeof value === 'number';
export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
export const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

export function object(shape: Shape): Check {
  const checks = Object.entries(shape);
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    checks.every(([name, check]) => check((value as Record<string, unknown>)[name]));
}
