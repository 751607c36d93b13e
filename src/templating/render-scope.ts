import { type Clock, systemClock } from "../base/clock.ts";
import type { RunMessage } from "./context.ts";

/** What one render may use up. */
export const BUDGET = {
  /** Output of one render, UTF-16 units. */
  outputChars: 256 * 1_024,
  operations: 50_000,
  durationMs: 250,
  /** Items that one `each` prints. */
  items: 100,
} as const;

/** Text that blocks and partials may return in all; nested ones are counted again at each level. */
const RETURNED_CHARS = BUDGET.outputChars * 8;

const OPERATIONS_PER_CLOCK_CHECK = 1_000;

const NONE: readonly string[] = [];

export type MissingPolicy = "warn" | "mark" | "error";

/** Stops a render; caught by the fallback chain and never seen by callers. */
export class RenderFailure extends Error {
  /** `empty`: the template printed nothing, which a condition may have meant. */
  readonly code: "budget" | "missing" | "invalid" | "output" | "empty";
  constructor(code: RenderFailure["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export interface RenderScopeOptions {
  readonly missing?: MissingPolicy | undefined;
  readonly clock?: Clock | undefined;
}

/** One render: its budget, its policy for missing paths, its warnings. Helpers find it in the template's data frame. */
export class RenderScope {
  readonly context: RunMessage;
  #warnings: Set<string> | undefined;
  readonly #missing: MissingPolicy;
  readonly #clock: Clock;
  readonly #startedMs: number;
  #operations = 0;
  #nextCheck = OPERATIONS_PER_CLOCK_CHECK;
  #returned = 0;

  constructor(context: RunMessage, options: RenderScopeOptions = {}) {
    this.context = context;
    this.#missing = options.missing ?? "warn";
    this.#clock = options.clock ?? systemClock;
    this.#startedMs = this.#clock.monotonic();
  }

  /** Counts one operation. */
  step(): void {
    this.#operations += 1;
    if (this.#operations < this.#nextCheck) return;
    this.#nextCheck += OPERATIONS_PER_CLOCK_CHECK;
    if (this.#operations >= BUDGET.operations)
      throw new RenderFailure("budget", `more than ${BUDGET.operations} operations`);
    if (this.#clock.monotonic() - this.#startedMs > BUDGET.durationMs) {
      throw new RenderFailure("budget", `longer than ${BUDGET.durationMs} ms`);
    }
  }

  /** Counts what a block or partial returned, so that nested loops over large content cannot grow without bound. */
  returned(text: string): string {
    this.#returned += text.length;
    if (this.#returned > RETURNED_CHARS)
      throw new RenderFailure("budget", `more than ${BUDGET.outputChars} characters`);
    return text;
  }

  /** Each once, in the order they came up. */
  get warnings(): readonly string[] {
    return this.#warnings === undefined ? NONE : [...this.#warnings];
  }

  warn(text: string): void {
    this.#warnings ??= new Set();
    this.#warnings.add(text);
  }

  /** What a path that does not exist prints. */
  miss(path: string): string {
    if (this.#missing === "error") throw new RenderFailure("missing", `missing: ${path}`);
    this.warn(`missing: ${path}`);
    return this.#missing === "mark" ? `[missing: ${path}]` : "";
  }
}
