import { BellhopError } from "../base/errors.ts";

/** Parsed options of one command, by long name without dashes. */
export interface Options {
  readonly flag: (name: string) => boolean;
  /** Given as `--no-<name>`; the option has a form with a value too. */
  readonly off: (name: string) => boolean;
  readonly text: (name: string) => string | undefined;
  readonly list: (name: string) => readonly string[];
  /** A whole number within the bounds. @throws cli_usage */
  readonly count: (name: string, bounds: { readonly min: number; readonly max: number }) => number | undefined;
}

const camel = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Typed reading of what the parser found. */
export function readOptions(values: Readonly<Record<string, unknown>>): Options {
  const of = (name: string): unknown => values[camel(name)];
  const text = (name: string): string | undefined => {
    const value = of(name);
    return typeof value === "string" ? value : undefined;
  };
  return {
    flag: (name) => of(name) === true,
    off: (name) => of(name) === false,
    text,
    list: (name) => {
      const value = of(name);
      return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
    },
    count: (name, { min, max }) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const count = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      if (count >= min && count <= max) return count;
      throw new BellhopError("cli_usage", {
        problem: `--${name} takes a whole number from ${min} to ${max}`,
        next: `Give for example --${name} ${min}.`,
      });
    },
  };
}
