import { InvalidArgumentError } from 'commander';

/** A parser of integers within bounds, for an option of the command line. */
export const integer = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
};
