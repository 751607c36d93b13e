import type { LogLevel } from "../runs/run-log.ts";
import { type ActiveRun, currentFrame } from "./active-run.ts";
import { logPrinted } from "./run-logger.ts";
import { isThenable } from "./thenable.ts";

/** Methods that are redirected, with the level that each writes at. */
const LEVELS = { log: "info", info: "info", warn: "warning", error: "error", debug: "debug" } as const satisfies Record<
  string,
  LogLevel
>;
type Method = keyof typeof LEVELS;

// The keys of a literal.
const METHODS = Object.keys(LEVELS) as readonly Method[];

type Print = (...parts: unknown[]) => void;

/** Whether what the body of this run prints goes to its log: as the object says, else as the run around it. */
export function printsToLog(run: ActiveRun): boolean {
  for (let at: ActiveRun | null = run; at !== null; at = at.caller?.run ?? null) {
    const { logPrints } = at.subject.object;
    if (logPrints !== null && logPrints !== undefined) return logPrints;
  }
  return false;
}

/**
 * Runs `fn`, which is to run the body of the run. Until it settles, what code inside the run writes with `console.log`,
 * `info`, `warn`, `error` and `debug` goes to the log of the innermost run around that code, and not to the console.
 * Other code, hooks included, prints as ever. Does nothing but call `fn` for a run whose prints stay prints.
 */
export function withLogPrints<A extends readonly unknown[], T>(run: ActiveRun, fn: (...args: A) => T, ...args: A): T {
  if (!printsToLog(run)) return fn(...args);
  begin();
  let result: T;
  try {
    result = fn(...args);
  } catch (error) {
    end();
    throw error;
  }
  if (!isThenable(result)) {
    end();
    return result;
  }
  // Asked once only: asking starts the work of some, such as the queries of database libraries.
  const settling = Promise.resolve(result);
  settling.then(end, end);
  // Whatever can be awaited was given, and can be still.
  return settling as T;
}

/** How many bodies print into logs now; the console is replaced while there is one. */
let printing = 0;
let replaced: readonly { readonly method: Method; readonly original: Print; readonly redirect: Print }[] = [];

function begin(): void {
  printing += 1;
  if (printing > 1) return;
  replaced = METHODS.map((method) => {
    const original: Print = console[method];
    const redirect = redirecting(method, original);
    console[method] = redirect;
    return { method, original, redirect };
  });
}

function end(): void {
  printing -= 1;
  if (printing > 0) return;
  for (const { method, original, redirect } of replaced) {
    // Other code may have put its own in front of ours; ours then stays below it and passes everything on.
    if (console[method] === redirect) console[method] = original;
  }
  replaced = [];
}

const redirecting = (method: Method, original: Print): Print =>
  function print(this: unknown, ...parts) {
    const frame = currentFrame();
    if (frame === undefined || frame.isHook || frame.overAs !== null || !printsToLog(frame.run))
      Reflect.apply(original, this, parts);
    else logPrinted(frame.run, LEVELS[method], parts);
  };
