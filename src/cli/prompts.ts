import type { Readable, Writable } from "node:stream";
import type * as Clack from "@clack/prompts";
import { BellhopError } from "../base/errors.ts";
import { safeLine } from "./terminal-text.ts";

/** Questions to a person. Where nobody can answer, `possible` is false and asking is a usage error. */
export interface Prompts {
  readonly possible: boolean;
  readonly text: (
    question: string,
    options?: { readonly initial?: string; readonly check?: (answer: string) => string | undefined },
  ) => Promise<string>;
  /** Nothing of the answer is shown. */
  readonly secret: (
    question: string,
    options?: { readonly check?: (answer: string) => string | undefined },
  ) => Promise<string>;
  readonly choose: (question: string, choices: readonly string[], initial?: string) => Promise<string>;
  readonly confirm: (question: string) => Promise<boolean>;
}

/** A person pressed Ctrl-C (or Esc) at a question. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

interface PromptStreams {
  readonly input: Readable;
  /** stderr, so that stdout stays the result. */
  readonly output: Writable;
  readonly signal: AbortSignal;
}

/** A terminal that does not know its size (a container without one) is taken to be an ordinary one. */
function sized(output: Writable & { readonly columns?: number | undefined }): Writable {
  if (output.columns !== 0) return output;
  // The same stream with a size: what inherits from a stream is one.
  return Object.create(output, { columns: { value: 80 }, rows: { value: 24 } }) as Writable;
}

/** @clack/prompts, loaded when the first question is asked. */
export function openPrompts(possible: boolean, { output, ...rest }: PromptStreams): Prompts {
  const streams = { ...rest, output: sized(output) };
  const ask = async <T>(run: (clack: typeof Clack) => Promise<T | symbol>): Promise<T> => {
    if (!possible) {
      throw new BellhopError("cli_usage", {
        problem: "a question would have to be asked here, and there is no terminal to ask on",
        next: "Give the answer as an option; see --help.",
      });
    }
    const answer = await run(await import("@clack/prompts"));
    if (typeof answer === "symbol") throw new Interrupted();
    return answer;
  };
  const checked = (check: ((answer: string) => string | undefined) | undefined) => ({
    validate: (answer: string | undefined) => check?.(answer ?? ""),
  });
  return {
    possible,
    text: (question, options) =>
      ask<string>((clack) =>
        clack.text({
          message: safeLine(question),
          ...streams,
          ...checked(options?.check),
          ...(options?.initial === undefined ? {} : { initialValue: options.initial }),
        }),
      ),
    secret: (question, options) =>
      ask<string>((clack) =>
        clack.password({ message: safeLine(question), mask: "", ...streams, ...checked(options?.check) }),
      ),
    choose: (question, choices, initial) =>
      ask<string>((clack) =>
        clack.select({
          message: safeLine(question),
          options: choices.map((value) => ({ value })),
          ...streams,
          ...(initial === undefined ? {} : { initialValue: initial }),
        }),
      ),
    confirm: (question) =>
      ask<boolean>((clack) => clack.confirm({ message: safeLine(question), initialValue: false, ...streams })),
  };
}
