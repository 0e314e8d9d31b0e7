import { InvalidArgumentError } from 'commander';

/** A parser of whole numbers within bounds, for the command line. */
export const whole = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
};
