import { BellhopError, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { redact } from "../base/redactor.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import type { Output } from "./output.ts";
import { Interrupted } from "./prompts.ts";
import { safeText, wrapColumns } from "./terminal-text.ts";

interface Reported {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const UNEXPECTED_HINT = 'Run it again with BELLHOP_DEBUG=1 for the details; "bellhop doctor" checks the installation.';

const reported = (error: unknown): Reported =>
  BellhopError.is(error)
    ? { code: error.code, message: error.message, hint: error.hint }
    : { code: "unexpected", message: messageOf(error), hint: UNEXPECTED_HINT };

/** Prints what went wrong, and says with which code the process must end. A stack only with `BELLHOP_DEBUG=1`. */
export function reportError(out: Output, error: unknown, env: NodeJS.ProcessEnv): number {
  if (error instanceof Interrupted) return EXIT.interrupted;
  const cause = firstOf(error);
  const { code, message, hint } = reported(cause);
  if (out.json) {
    const body: JsonObject = { error: { code, message: redact(message), hint: redact(hint) } };
    out.error(`${JSON.stringify(body)}\n`);
  } else {
    const paint = out.errorPaint;
    // Masked before it is wrapped: a secret on two lines is not recognised.
    const indented = (text: string): string => wrapColumns(safeText(redact(text)), out.columns - 2).join("\n  ");
    out.error(
      `${paint.bad("✗")} ${indented(message)}\n  ${paint.dim(indented(hint))}\n  ${paint.dim(`code: ${code}`)}\n`,
    );
  }
  if (env["BELLHOP_DEBUG"] === "1" && error instanceof Error) out.error(`${safeText(redact(stackOf(error)))}\n`);
  return exitCodeOf(BellhopError.is(cause) ? cause.code : undefined);
}

/** What went wrong before closing went wrong as well: a store that is full refuses the work, and then its own end. */
function firstOf(error: unknown): unknown {
  let first = error;
  while (first instanceof SuppressedError) first = first.suppressed;
  return first;
}

/** The stack with those of its causes. */
function stackOf(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\nCaused by: ${stackOf(error.cause)}` : own;
}
