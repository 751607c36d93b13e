/** Colours by meaning, so that one place decides what a failure looks like. */
export interface Paint {
  readonly enabled: boolean;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly accent: (text: string) => string;
}

const wrap = (open: number, close: number) => (text: string) =>
  text === "" ? "" : `\x1B[${open}m${text}\x1B[${close}m`;
const same = (text: string): string => text;

const COLOURS: Paint = {
  enabled: true,
  bold: wrap(1, 22),
  dim: wrap(2, 22),
  good: wrap(32, 39),
  bad: wrap(31, 39),
  warn: wrap(33, 39),
  accent: wrap(36, 39),
};
const PLAIN: Paint = { enabled: false, bold: same, dim: same, good: same, bad: same, warn: same, accent: same };

/** Colours for a stream: off when it is no terminal, and where `NO_COLOR` or `TERM=dumb` says so; `FORCE_COLOR` wins. */
export function paintFor(isTerminal: boolean, env: NodeJS.ProcessEnv): Paint {
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return forced === "0" ? PLAIN : COLOURS;
  const off = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  return isTerminal && !off ? COLOURS : PLAIN;
}
