import { CodedTypeError } from "../../states/coded-type-error.ts";
import type { State } from "../../states/state.ts";
import { typeName } from "../../states/state-error.ts";

/** What all ready-made notifiers take. */
export interface NotifierOptions {
  /** Names or types of states that are not told: `["Running", "PENDING"]`. Default: none. */
  readonly ignoreStates?: readonly string[] | ReadonlySet<string>;
  /** Names or types of the only states that are told. Default, and when empty: all. */
  readonly onlyStates?: readonly string[] | ReadonlySet<string>;
  /** False: no link to the run. Default true, where a UI address is configured. */
  readonly backendInfo?: boolean;
}

interface Checked {
  /** True for a state that is to be told. */
  readonly tells: (state: State) => boolean;
  readonly backendInfo: boolean;
  /** The other options, as text. */
  readonly texts: Readonly<Record<string, string | undefined>>;
}

/** @throws invalid_definition */
export function checkNotifier(notifier: string, given: unknown, textOptions: readonly string[]): Checked {
  const invalid = (option: string, problem: string): never => {
    throw new CodedTypeError("invalid_definition", { option: `${notifier}: ${option}`, problem });
  };
  if (typeof given !== "object" || given === null)
    return invalid("options", `an object is needed, got ${typeName(given)}`);
  const options = new Map<string, unknown>(Object.entries(given));
  const known = ["ignoreStates", "onlyStates", "backendInfo", ...textOptions];
  for (const key of options.keys())
    if (!known.includes(key)) invalid(key, `there is no such option (there are: ${known.join(", ")})`);
  const states = (option: string): ReadonlySet<string> => {
    const list = options.get(option) ?? [];
    const words: unknown[] = Array.isArray(list) || list instanceof Set ? [...list] : [list];
    const isList = Array.isArray(list) || list instanceof Set;
    if (!isList || !words.every((word) => typeof word === "string"))
      return invalid(option, `a list of state names or types is needed, such as ["Failed"], got ${typeName(list)}`);
    return new Set(words);
  };
  const [ignored, only] = [states("ignoreStates"), states("onlyStates")];
  const backendInfo = options.get("backendInfo") ?? true;
  if (typeof backendInfo !== "boolean") return invalid("backendInfo", "it must be true or false");
  const texts = textOptions.map((option) => {
    const value = options.get(option);
    if (value === undefined || (typeof value === "string" && value !== "")) return [option, value] as const;
    return invalid(option, "it must be a text that is not empty");
  });
  const has = (set: ReadonlySet<string>, { name, type }: State): boolean => set.has(name) || set.has(type);
  return {
    tells: (state) => !has(ignored, state) && (only.size === 0 || has(only, state)),
    backendInfo,
    texts: Object.fromEntries(texts),
  };
}
