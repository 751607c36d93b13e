import { BellhopError } from "../base/errors.ts";
import type { CommandContext } from "./command.ts";

/**
 * True with `--yes`, or when the person says so. Where nobody can be asked, `--yes` is needed.
 *
 * @param what What would happen, for the refusal.
 * @throws cli_usage
 */
export async function confirmed(
  { options, prompts, out }: CommandContext,
  question: string,
  what = "this deletes something",
): Promise<boolean> {
  if (options.flag("yes")) return true;
  if (!prompts.possible) {
    throw new BellhopError("cli_usage", {
      problem: `${what}, and there is no terminal to ask on`,
      next: "Add --yes if it is meant.",
    });
  }
  const yes = await prompts.confirm(question);
  if (!yes) out.note("Nothing was changed.");
  return yes;
}
