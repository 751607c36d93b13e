import type { TemplateProblem } from "../../templating/problem.ts";
import type { CommandSpec } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { withProgress } from "../progress.ts";
import { safeLine } from "../terminal-text.ts";

export const templateCheck: CommandSpec = {
  description:
    "Parses every template of the project and renders it with example data. Exit code 1 when one is refused.",
  examples: [
    { line: "bellhop template check", text: "before a commit" },
    {
      line: "BELLHOP_TEMPLATES_DIR=./alerts bellhop template check --json",
      text: "another folder, for a CI annotation",
    },
  ],
  run: async ({ core, out, clock }) => {
    const { catalog } = await core();
    const problems = await withProgress(out, clock, "checking templates", () => catalog.check());
    out.value(problems.map((problem) => ({ ...problem, suggestion: problem.suggestion ?? null })));
    for (const problem of problems) show(out, problem);
    const errors = problems.filter(({ severity }) => severity === "error").length;
    out.line(
      summary(
        out,
        catalog.list().filter(({ origin }) => origin === "project").length,
        errors,
        problems.length - errors,
      ),
    );
    return errors > 0 ? EXIT.failed : EXIT.ok;
  },
};

/** `file:line:column`, so that editors and terminals make it a link. */
function show(out: Output, problem: TemplateProblem): void {
  const isError = problem.severity === "error";
  const mark = isError ? out.paint.bad("✗") : out.paint.warn("!");
  out.line(
    `${mark} ${out.paint.bold(`${safeLine(problem.file)}:${problem.line}:${problem.column}`)}  ${safeLine(problem.message)}`,
  );
  if (problem.suggestion !== undefined) out.line(`  Did you mean ${safeLine(problem.suggestion)}?`);
}

function summary(out: Output, templates: number, errors: number, warnings: number): string {
  if (templates === 0) return "The project has no templates of its own; the built-in ones apply.";
  const counted = `${templates} project template${templates === 1 ? "" : "s"}`;
  const noted = warnings === 0 ? "" : `, ${warnings} warning${warnings === 1 ? "" : "s"}`;
  return errors === 0
    ? out.paint.good(`✓ ${counted} valid${noted}`)
    : out.paint.bad(`✗ ${errors} error${errors === 1 ? "" : "s"} in ${counted}${noted}`);
}
