import type { ProblemCode, TemplateProblem } from "./problem.ts";

/** Where a template comes from; earlier wins: inline, project, built-in. */
export type TemplateOrigin = "inline" | "project" | "built-in";

/** One variant's text. */
export interface TemplateSource {
  readonly origin: TemplateOrigin;
  readonly name: string;
  /** File name without `.hbs`: `text`, `slack`, `slack.json`, `email`, … */
  readonly variant: string;
  /** For messages: relative to the folder that holds `templates/`. */
  readonly file: string;
  /** Read at first use and kept; "" when `unreadable` is set. */
  readonly text: string;
  /** Why the file could not be read as a template. */
  readonly unreadable?: { readonly code: ProblemCode; readonly message: string } | undefined;
}

export interface TemplateListing {
  readonly name: string;
  /** Source that wins. */
  readonly origin: TemplateOrigin;
  readonly variants: readonly string[];
  /** Files of the winning source. */
  readonly files: readonly string[];
  /** Sources hidden behind it. */
  readonly shadows: readonly TemplateOrigin[];
}

/** The templates of a project and the built-in ones. Files are read at first use and kept. */
export interface TemplateCatalog {
  list(): readonly TemplateListing[];
  has(name: string): boolean;
  /**
   * All variants of a name: those of the winning source first, then the built-in ones.
   * @throws `template_not_found` with the nearest name.
   */
  sources(name: string): readonly TemplateSource[];
  /** The partial for the first of the variant suffixes that exists; project files before built-in ones. */
  partial(name: string, suffixes: readonly string[], origin: TemplateOrigin): TemplateSource | undefined;
  /** Names of the partials that a template of this origin may use. */
  partialNames(origin: TemplateOrigin): readonly string[];
  /** Every problem of every project template, sorted by file and line; empty when all are good. */
  check(): Promise<readonly TemplateProblem[]>;
}
