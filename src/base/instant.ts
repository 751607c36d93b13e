/** Instants are integers of microseconds since the epoch: exact in a number until the year 2255. */
export type Micros = number;

export const microsToDate = (micros: Micros): Date => new Date(Math.floor(micros / 1_000));

export const dateToMicros = (date: Date): Micros => date.getTime() * 1_000;

/** ISO 8601 in UTC with six decimals, e.g. `2026-01-02T03:04:05.678901Z`. */
export function formatMicros(micros: Micros): string {
  const sub = ((micros % 1_000) + 1_000) % 1_000;
  return `${new Date((micros - sub) / 1_000).toISOString().slice(0, -1)}${String(sub).padStart(3, "0")}Z`;
}

const FRACTION = /\.(\d+)/;

/** The reverse of {@link formatMicros}; takes any ISO 8601 text. Returns undefined when it is not a date. */
export function parseMicros(text: string): Micros | undefined {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return undefined;
  const digits = (FRACTION.exec(text)?.[1] ?? "").padEnd(6, "0").slice(0, 6);
  return Math.floor(ms / 1_000) * 1_000_000 + Number(digits);
}
