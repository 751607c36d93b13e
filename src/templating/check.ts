import type { JsonValue } from "../base/json.ts";
import type { Dialect } from "./dialect.ts";
import { draftOf } from "./draft.ts";
import { type Engine, loadEngine } from "./engine.ts";
import type { PreparedVariant } from "./prepare.ts";
import { sorted } from "./prepare.ts";
import { prepared } from "./prepared-cache.ts";
import type { TemplateProblem } from "./problem.ts";
import { RenderFailure, RenderScope } from "./render-scope.ts";
import { SAMPLES, sampleFor } from "./samples.ts";
import type { TemplateCatalog, TemplateSource } from "./template-source.ts";
import { variantKind } from "./variants.ts";

/** Validates templates and renders each with the samples; `groups` holds the files of one name each. */
export async function checkSources(
  catalog: TemplateCatalog,
  groups: readonly (readonly TemplateSource[])[],
): Promise<readonly TemplateProblem[]> {
  const engine = await loadEngine();
  const problems = groups.flatMap((files) =>
    variantGroups(files).flatMap((variant) => checkVariant(variant, catalog, engine)),
  );
  return sorted(problems);
}

/** The separate files of a mail are one variant; every other file is its own. */
export function variantGroups(files: readonly TemplateSource[]): (readonly TemplateSource[])[] {
  const parts = files.filter(({ variant }) => variant.startsWith("email."));
  const whole = files.filter((file) => !parts.includes(file)).map((file) => [file]);
  return parts.length === 0 ? whole : [...whole, parts];
}

/** Problems of one variant: what validation finds, and if that is nothing grave, what trial renders show. */
export function checkVariant(
  files: readonly TemplateSource[],
  catalog: TemplateCatalog,
  engine: Engine,
): TemplateProblem[] {
  const variant = prepared(files, catalog, engine);
  if (variant.problems.some(({ severity }) => severity === "error")) return [...variant.problems];
  return [...variant.problems, ...SAMPLES.flatMap((sample) => trial(variant, sample))];
}

function trial(variant: PreparedVariant, sample: (typeof SAMPLES)[number]): TemplateProblem[] {
  const { file, name, variant: variantName } = variant.source;
  const report = (message: string): TemplateProblem[] => [
    {
      severity: "error",
      file,
      variant: variantName,
      line: 1,
      column: 1,
      code: "trial_render",
      message: `With the ${sample} sample: ${message}`,
    },
  ];
  try {
    const draft = draftOf(variant, new RenderScope(sampleFor(name, sample)), targetDialect(variant));
    if (sample !== "hostile") return [];
    const isSlack = draft.bodyDialect === "slack-mrkdwn";
    const texts = [draft.html ?? "", isSlack ? draft.body : "", ...(isSlack ? mrkdwnTexts(draft.native) : [])];
    return texts.some(opensMarkup)
      ? report("text of a run reaches the message unescaped, and could ping people or open markup.")
      : [];
  } catch (error) {
    // A template may have nothing to say about a run without error or variables; the built-in text is used then.
    if (error instanceof RenderFailure && error.code === "empty" && sample !== "normal") return [];
    if (error instanceof RenderFailure) return report(error.message);
    throw error;
  }
}

function targetDialect(variant: PreparedVariant): Dialect {
  if (variant.isEmail) return "html";
  const kind = variantKind(variant.source.variant);
  return kind === undefined || kind === "email" ? "text" : kind.dialect;
}

/** The attacks of the hostile sample, as they would look unescaped. */
const opensMarkup = (text: string): boolean => /<!(?:channel|here|everyone)|<@U024BE7LH>|<script>/.test(text);

/** Texts that Slack reads as markup; plain text and rich text show every character as it is. */
export function mrkdwnTexts(value: JsonValue | undefined, key = "text"): string[] {
  if (typeof value === "string") return key === "text" ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => mrkdwnTexts(item, key));
  const type = "type" in value ? value.type : undefined;
  if (type === "plain_text" || type === "rich_text") return [];
  return Object.entries(value).flatMap(([name, member]: [string, JsonValue]) => mrkdwnTexts(member, name));
}
