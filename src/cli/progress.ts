import type { Clock } from "../base/clock.ts";
import type { Output } from "./output.ts";
import { fitColumns, safeLine } from "./terminal-text.ts";

/** Nothing is drawn before this; quick work leaves no flicker. */
const QUIET_MS = 200;
const FRAME_MS = 90;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const CLEAR_LINE = "\r\x1B[2K";

export interface Progress extends Disposable {
  readonly update: (label: string) => void;
  /** Takes the line away until the next frame, so that other output starts on an empty line. */
  readonly clear: () => void;
}

/** A line on stderr that says what is going on, for as long as it takes. Only on a terminal, never with `--json`. */
export function startProgress(out: Output, clock: Clock, label: string): Progress {
  if (!out.watched || out.json)
    return { update: () => undefined, clear: () => undefined, [Symbol.dispose]: () => undefined };
  let current = label;
  let frame = 0;
  let drawn = false;
  const started = clock.monotonic();
  const draw = (): void => {
    drawn = true;
    const seconds = Math.floor((clock.monotonic() - started) / 1_000);
    const text = fitColumns(`${safeLine(current)}${seconds >= 2 ? ` ${seconds} s` : ""}`, out.columns - 3);
    out.error(`${CLEAR_LINE}${out.errorPaint.accent(FRAMES[frame++ % FRAMES.length] ?? "")} ${text}`);
    timer = clock.timer(FRAME_MS, draw, { keepAlive: false });
  };
  let timer = clock.timer(QUIET_MS, draw, { keepAlive: false });
  return {
    update: (next) => {
      current = next;
    },
    clear: () => {
      if (drawn) out.error(CLEAR_LINE);
    },
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      if (drawn) out.error(CLEAR_LINE);
    },
  };
}

/** Runs the work under a progress line. */
export async function withProgress<T>(out: Output, clock: Clock, label: string, work: () => Promise<T>): Promise<T> {
  using _line = startProgress(out, clock, label);
  return await work();
}
