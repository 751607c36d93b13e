/** One measured figure beside the limit that was measured in the same run. */
export interface Figure {
  readonly bench: string;
  readonly figure: string;
  /** Median over `runs`. */
  readonly value: number;
  readonly unit: string;
  /** The physical or library limit, same unit; null where there is none. */
  readonly raw: number | null;
  /** value / raw. */
  readonly ratio: number | null;
  readonly runs: number;
  /** Distance between the quartiles, as a share of the median; of a change in per cent, the distance itself. */
  readonly spread: number;
}

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
};

export const median = (values: readonly number[]): number => quantile(values, 0.5);

const rounded = (value: number): number => Number(value.toPrecision(4));

export function figure(
  bench: string,
  name: string,
  unit: string,
  samples: readonly number[],
  rawSamples?: readonly number[],
): Figure {
  const value = median(samples);
  const raw = rawSamples === undefined ? null : median(rawSamples);
  return {
    bench,
    figure: name,
    value: rounded(value),
    unit,
    raw: raw === null ? null : rounded(raw),
    ratio: raw === null ? null : rounded(value / raw),
    runs: samples.length,
    spread:
      value === 0 ? 0 : rounded((quantile(samples, 0.75) - quantile(samples, 0.25)) / (unit === "%" ? 100 : value)),
  };
}

const cell = (value: number | null): string => (value === null ? "–" : String(value));

/** The figure as one line for people. */
export const describeFigure = (f: Figure): string =>
  `${f.figure.padEnd(24)} ${cell(f.value).padStart(10)} ${f.unit.padEnd(6)} raw ${cell(f.raw).padStart(10)}  ratio ${cell(f.ratio).padStart(7)}  runs ${f.runs}  spread ${(f.spread * 100).toFixed(1)} %`;
