import type { PathExpression, Position, Program, Statement } from "./ast.ts";
import type { Dialect } from "./dialect.ts";
import type { CompiledTemplate, Engine } from "./engine.ts";
import { EMAIL_SECTIONS, type EmailSection } from "./helpers/registry.ts";
import { parseTemplate } from "./parse-template.ts";
import { type PathType, runMessagePaths } from "./path-types.ts";
import type { ProblemCode, TemplateProblem } from "./problem.ts";
import { rewriteProgram } from "./rewrite.ts";
import { type Scope, topScope } from "./scope.ts";
import { nearest } from "./suggest.ts";
import type { TemplateCatalog, TemplateSource } from "./template-source.ts";
import { LIMITS } from "./source-limits.ts";
import { type Check, mayCheckPartial, validateProgram } from "./validate.ts";
import { knownVariants, PARTIAL_SUFFIXES, variantKind } from "./variants.ts";

export type Section = EmailSection | "body";

/** One compiled text of a variant: the whole of it, or one section of a mail. */
interface PreparedPart {
  readonly section: Section;
  readonly dialect: Dialect;
  readonly run: CompiledTemplate;
  readonly partials: Readonly<Record<string, CompiledTemplate>>;
}

/** A variant that may be rendered; `parts` is empty when it has errors. */
export interface PreparedVariant {
  readonly source: TemplateSource;
  readonly isEmail: boolean;
  readonly parts: readonly PreparedPart[];
  readonly problems: readonly TemplateProblem[];
}

interface Preparation {
  readonly catalog: TemplateCatalog;
  readonly engine: Engine;
  readonly problems: TemplateProblem[];
}

/** Parses, validates and compiles a variant; `files` are the one file of it, or the separate files of a mail. */
export function prepareVariant(
  files: readonly TemplateSource[],
  catalog: TemplateCatalog,
  engine: Engine,
): PreparedVariant {
  const work: Preparation = { catalog, engine, problems: [] };
  const [source] = files;
  if (source === undefined) throw new RangeError("a variant has at least one file");
  const kind = variantKind(source.variant);
  const sections = files.flatMap((file) => sectionsOf(file, work));
  if (kind === "email") checkSections(source, sections, work);
  const parts = sections.map((section) => preparePart(section, work));
  const hasErrors = work.problems.some(({ severity }) => severity === "error");
  return {
    source,
    isEmail: kind === "email",
    parts: hasErrors ? [] : parts.flatMap((part) => part ?? []),
    problems: sorted(work.problems),
  };
}

interface SectionText {
  readonly source: TemplateSource;
  readonly section: Section;
  readonly dialect: Dialect;
  readonly program: Program;
  readonly allowUnknown: boolean;
}

const SECTION_DIALECT: Readonly<Record<EmailSection, Dialect>> = {
  subject: "header",
  preheader: "html",
  html: "html",
  text: "text",
};

function sectionsOf(source: TemplateSource, work: Preparation): SectionText[] {
  const kind = variantKind(source.variant);
  if (kind === undefined) {
    const near = nearest(source.variant, knownVariants());
    const message = `"${source.variant}.hbs" is not a variant.`;
    problem(
      work,
      source,
      { line: 1, column: 0 },
      "unknown_variant",
      message,
      near === undefined ? undefined : `${near}.hbs`,
    );
    return [];
  }
  const parsed = parseTemplate(source, work.engine);
  if (!parsed.ok) {
    work.problems.push({ severity: "error", file: source.file, variant: source.variant, ...parsed.problem });
    return [];
  }
  const { program } = parsed;
  const allowUnknown = allowsUnknown(program);
  if (kind !== "email") return [{ source, section: "body", dialect: kind.dialect, program, allowUnknown }];
  const named = EMAIL_SECTIONS.find((section) => source.variant === `email.${section}`);
  if (named !== undefined) return [{ source, section: named, dialect: SECTION_DIALECT[named], program, allowUnknown }];
  return program.body.flatMap((statement) => emailSection(statement, source, allowUnknown, work));
}

/** `allowUnknown: true` in the comment that a template begins with. */
function allowsUnknown(program: Program): boolean {
  const first = program.body.find(
    (statement) => statement.type !== "ContentStatement" || statement.value.trim() !== "",
  );
  return first?.type === "CommentStatement" && /^\s*allowUnknown:\s*true\s*$/m.test(first.value);
}

function emailSection(
  statement: Statement,
  source: TemplateSource,
  allowUnknown: boolean,
  work: Preparation,
): SectionText[] {
  if (statement.type === "CommentStatement") return [];
  if (statement.type === "ContentStatement" && statement.value.trim() === "") return [];
  const section =
    statement.type === "BlockStatement" ? EMAIL_SECTIONS.find((name) => name === statement.path.original) : undefined;
  if (section === undefined || statement.type !== "BlockStatement" || statement.program === undefined) {
    const message = "An email template holds only the sections subject, preheader, html and text.";
    problem(work, source, statement.loc.start, "email_sections", message);
    return [];
  }
  return [{ source, section, dialect: SECTION_DIALECT[section], program: statement.program, allowUnknown }];
}

function checkSections(source: TemplateSource, sections: readonly SectionText[], work: Preparation): void {
  // A file that did not parse has its own problem already.
  if (work.problems.some(({ severity }) => severity === "error")) return;
  const has = (name: Section): boolean => sections.some(({ section }) => section === name);
  const at = { line: 1, column: 0 };
  if (!has("subject"))
    problem(work, source, at, "email_sections", "The subject is missing.", "{{#subject}}…{{/subject}}");
  if (!has("html") && !has("text"))
    problem(work, source, at, "email_sections", "The html or text section is missing.", "{{#html}}…{{/html}}");
  if (has("html") && !has("text")) {
    const message = "There is no text section; one is made from the html.";
    work.problems.push({
      severity: "warning",
      file: source.file,
      variant: source.variant,
      line: 1,
      column: 1,
      code: "email_sections",
      message,
    });
  }
}

/** Validates a section with every partial it reaches, then compiles all of them for its dialect. */
function preparePart(part: SectionText, work: Preparation): PreparedPart | undefined {
  const analysis = analyse(part, work);
  if (work.problems.some(({ severity }) => severity === "error")) return undefined;
  const partials: Record<string, CompiledTemplate> = {};
  for (const [name, program] of analysis.partials) {
    const compiled = work.engine.compile(rewriteProgram(program, part.dialect, analysis));
    partials[name] = (context, options) => {
      options.data.render.step();
      return options.data.render.returned(compiled(context, options));
    };
  }
  const run = work.engine.compile(rewriteProgram(part.program, part.dialect, analysis));
  return { section: part.section, dialect: part.dialect, run, partials };
}

interface Analysis {
  readonly partials: ReadonlyMap<string, Program>;
  readonly uncertain: Set<PathExpression>;
  readonly labels: Map<PathExpression, number>;
}

function analyse(part: SectionText, work: Preparation): Analysis {
  const programs = new Map<string, Program>();
  const uncertain = new Set<PathExpression>();
  const labels = new Map<PathExpression, number>();
  const seen = new Set<string>();
  const typeIds = new Map<PathType, number>();
  const idOf = (type: PathType): number => {
    const id = typeIds.get(type) ?? typeIds.size;
    typeIds.set(type, id);
    return id;
  };

  const visit = (source: TemplateSource, program: Program, scope: Scope, stack: readonly string[]): void => {
    const tell =
      (severity: TemplateProblem["severity"]): Check["report"] =>
      (at, code, message, suggestion) =>
        problem(work, source, at, code, message, suggestion, source.origin === "built-in" ? "error" : severity);
    const enterPartial = (name: string, inside: Scope, at: Position): void => {
      if (stack.includes(name))
        return tell("error")(
          at,
          "partial_cycle",
          `The partial "${name}" contains itself: ${[...stack, name].join(" → ")}.`,
        );
      if (stack.length >= LIMITS.partialDepth)
        return tell("error")(at, "too_deep", `Partials are nested more than ${LIMITS.partialDepth} deep.`);
      const found = work.catalog.partial(name, PARTIAL_SUFFIXES[part.dialect], part.source.origin);
      if (found === undefined) {
        const near = nearest(name, work.catalog.partialNames(part.source.origin));
        return tell("error")(at, "unknown_partial", `No partial is named "${name}".`, near);
      }
      const key = `${name}/${idOf(inside.type)}`;
      if (seen.has(key) || !mayCheckPartial(seen.size)) return;
      seen.add(key);
      const known = programs.get(name) ?? parsePartial(found, work);
      if (known === undefined) return;
      programs.set(name, known);
      visit(found, known, inside, [...stack, name]);
    };
    const isPartial = stack.length > 0;
    const check: Check = {
      report: tell("error"),
      warn: tell("warning"),
      enterPartial,
      allowUnknown: part.allowUnknown,
      isPartial,
      uncertain,
      labels,
      nodes: 0,
    };
    validateProgram(program, scope, check);
  };

  visit(part.source, part.program, topScope(runMessagePaths()), []);
  return { partials: programs, uncertain, labels };
}

function parsePartial(source: TemplateSource, work: Preparation): Program | undefined {
  const parsed = parseTemplate(source, work.engine);
  if (parsed.ok) return parsed.program;
  work.problems.push({ severity: "error", file: source.file, variant: source.variant, ...parsed.problem });
  return undefined;
}

function problem(
  work: Preparation,
  source: TemplateSource,
  at: Position,
  code: ProblemCode,
  message: string,
  suggestion?: string,
  severity: TemplateProblem["severity"] = "error",
): void {
  const { file, variant } = source;
  const base = { severity, file, variant, line: at.line, column: at.column + 1, code, message };
  work.problems.push(suggestion === undefined ? base : { ...base, suggestion });
}

/** By file and place; a partial that several templates use is reported once. */
export function sorted(problems: readonly TemplateProblem[]): TemplateProblem[] {
  const unique = new Map(problems.map((entry) => [JSON.stringify(entry), entry]));
  return [...unique.values()].toSorted(
    (a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
  );
}
