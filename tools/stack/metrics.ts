/** Labels of a sample, or the ones asked for. */
export type Labels = Record<string, string>;

interface Sample {
  name: string;
  labels: Labels;
  value: number;
}

/** What a process said on /metrics at one moment. */
export class Metrics {
  readonly #samples: readonly Sample[];

  constructor(text: string) {
    this.#samples = text.split('\n').flatMap(parseLine);
  }

  /** Sum of all samples of that name whose labels include the given ones; 0 when there are none. */
  value(name: string, labels: Labels = {}): number {
    const wanted = Object.entries(labels);
    return this.#samples
      .filter((sample) => sample.name === name && wanted.every(([k, v]) => sample.labels[k] === v))
      .reduce((sum, sample) => sum + sample.value, 0);
  }

  /** Labels of all samples of that name. */
  labelsOf(name: string): Labels[] {
    return this.#samples.filter((sample) => sample.name === name).map(({ labels }) => labels);
  }

  /** All names seen, sorted. */
  names(): string[] {
    return [...new Set(this.#samples.map(({ name }) => name))].sort();
  }
}

/** Reads a process's metrics now. */
export async function readMetrics(http: string): Promise<Metrics> {
  const response = await fetch(`${http}/metrics`);
  if (!response.ok) throw new Error(`${http}/metrics answered ${response.status}`);
  return new Metrics(await response.text());
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
