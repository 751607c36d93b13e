import type { Figure } from "./figures.ts";

export interface BenchOptions {
  /** Smaller counts and fewer rounds, for CI. */
  readonly quick: boolean;
  /** Soak only: state changes to make; null for the benchmark's own number. */
  readonly transitions: number | null;
}

export type Report = (figure: Figure) => void;

/** What every file of bench/ exports. */
export interface Bench {
  readonly run: (report: Report, options: BenchOptions) => Promise<void>;
}
