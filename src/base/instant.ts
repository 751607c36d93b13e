/** Instants are integers of microseconds since the epoch: exact in a number until the year 2255. */
export type Micros = number;

export const microsToDate = (micros: Micros): Date => new Date(Math.floor(micros / 1_000));

export const dateToMicros = (date: Date): Micros => date.getTime() * 1_000;

const MICROS_PER_SECOND = 1_000_000;

/** The second that was formatted last: most instants stand beside another one of the same second. */
let lastSecond = { epoch: 0, text: "1970-01-01T00:00:00" };

/** ISO 8601 in UTC with six decimals, e.g. `2026-01-02T03:04:05.678901Z`. */
export function formatMicros(micros: Micros): string {
  const epoch = Math.floor(micros / MICROS_PER_SECOND);
  if (epoch !== lastSecond.epoch) {
    lastSecond = { epoch, text: new Date(epoch * 1_000).toISOString().slice(0, -".000Z".length) };
  }
  return `${lastSecond.text}.${String(micros - epoch * MICROS_PER_SECOND).padStart(6, "0")}Z`;
}

const FRACTION = /\.(\d+)/;

/** The reverse of {@link formatMicros}; takes any ISO 8601 text. Returns undefined when it is not a date. */
export function parseMicros(text: string): Micros | undefined {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return undefined;
  const digits = (FRACTION.exec(text)?.[1] ?? "").padEnd(6, "0").slice(0, 6);
  return Math.floor(ms / 1_000) * 1_000_000 + Number(digits);
}
