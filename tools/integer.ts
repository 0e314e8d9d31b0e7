import { type Command, InvalidArgumentError, Option } from 'commander';

/** A parser of integers within bounds, for an option of the command line. */
export const integer = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
};

/** Adds the option `--seed`. */
export const withSeed = (command: Command, what: string): Command =>
  command.addOption(
    new Option('--seed <n>', what)
      .argParser(integer(0, 2 ** 31 - 1))
      .default(Math.floor(Math.random() * 1_000_000), 'at random'),
  );
