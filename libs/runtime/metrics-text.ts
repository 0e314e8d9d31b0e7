/** Labels of a sample, or the ones asked for. */
export type Labels = Record<string, string>;

/** One line of the text. */
export interface Sample {
  name: string;
  labels: Labels;
  value: number;
}

/** What a process said on /metrics at one moment. */
export class Metrics {
  readonly #samples: readonly Sample[];
  readonly #types: ReadonlyMap<string, string>;

  constructor(text: string) {
    this.#samples = text.split('\n').flatMap(parseLine);
    this.#types = new Map(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
    );
  }

  /** Sum of all samples of that name whose labels include the given ones; 0 when there are none. */
  value(name: string, labels: Labels = {}): number {
    const wanted = Object.entries(labels);
    return this.#samples
      .filter((sample) => sample.name === name && wanted.every(([k, v]) => sample.labels[k] === v))
      .reduce((sum, sample) => sum + sample.value, 0);
  }

  /** All samples of that name. */
  samplesOf(name: string): Sample[] {
    return this.#samples.filter((sample) => sample.name === name);
  }

  /** Labels of all samples of that name. */
  labelsOf(name: string): Labels[] {
    return this.samplesOf(name).map(({ labels }) => labels);
  }

  /** Whether the process has a metric from which a sample of that name comes, also if there is no sample yet. */
  knows(name: string): boolean {
    return this.#types.has(name) || this.#types.has(name.replace(/_(bucket|sum|count)$/, ''));
  }

  /** All names seen, sorted. */
  names(): string[] {
    return [...new Set(this.#samples.map(({ name }) => name))].sort();
  }
}

function parseLine(line: string): Sample[] {
  const [, name, list = '', value] = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
  if (name === undefined || value === undefined) return [];
  const pairs = [...list.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [
    key,
    text,
  ]);
  return [{ name, labels: Object.fromEntries(pairs) as Labels, value: Number(value) }];
}
