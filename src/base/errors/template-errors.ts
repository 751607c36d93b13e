import type { ErrorSpec } from "./error-spec.ts";

export interface TemplateProblems {
  readonly problems: readonly {
    readonly file: string;
    readonly variant: string;
    readonly line: number;
    readonly column: number;
    readonly code: string;
    readonly message: string;
    readonly suggestion?: string;
  }[];
}

/** Templates. */
export const TEMPLATE_ERRORS = {
  template_not_found: {
    name: "TemplateNotFoundError",
    status: 404,
    message: (d: { readonly name: string; readonly nearest: string | null }) => `No template is named "${d.name}".`,
    hint: (d: { readonly name: string; readonly nearest: string | null }) =>
      `${d.nearest === null ? "" : `Did you mean "${d.nearest}"? `}List the names with "bellhop template ls", or add templates/${d.name}/text.hbs.`,
  },
  template_invalid: {
    name: "TemplateInvalidError",
    status: 422,
    message: (d: TemplateProblems) =>
      `${d.problems.length === 1 ? "A template has a problem" : `Templates have ${d.problems.length} problems`}: ${d.problems
        .slice(0, 3)
        .map((p) => `${p.file}:${p.line}:${p.column} ${p.message}`)
        .join("; ")}${d.problems.length > 3 ? "; …" : ""}`,
    hint: (d: TemplateProblems) => {
      const suggestion = d.problems.find((p) => p.suggestion !== undefined)?.suggestion;
      return `${suggestion === undefined ? "" : `Did you mean ${suggestion}? `}Correct the file and look at it with "bellhop template preview". Until then the built-in text is used.`;
    },
  },
} as const satisfies Record<string, ErrorSpec>;
