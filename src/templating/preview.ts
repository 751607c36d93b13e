import { type Clock, systemClock } from "../base/clock.ts";
import { BellhopError } from "../base/errors.ts";
import { checkVariant, variantGroups } from "./check.ts";
import type { RunMessage } from "./context.ts";
import type { Dialect } from "./dialect.ts";
import { loadEngine } from "./engine.ts";
import type { TextLimit } from "./fit.ts";
import type { TemplateProblem } from "./problem.ts";
import { renderMessage } from "./render.ts";
import type { RenderedMessage } from "./rendered.ts";
import { type Sample, sampleFor } from "./samples.ts";
import { nearest } from "./suggest.ts";
import type { TemplateCatalog, TemplateSource } from "./template-source.ts";
import { variantKind, VARIANTS_OF } from "./variants.ts";

export interface PreviewRequest {
  readonly catalog: TemplateCatalog;
  readonly name: string;
  /** Default `normal`. */
  readonly sample?: Sample | undefined;
  /** Only this variant, e.g. `slack.json`. */
  readonly variant?: string | undefined;
  /** As a channel of this dialect would get it. */
  readonly dialect?: Dialect | undefined;
  /** A real context instead of the sample. */
  readonly context?: RunMessage | undefined;
  readonly clock?: Clock | undefined;
}

export interface Preview {
  readonly name: string;
  readonly variant: string;
  readonly dialect: Dialect;
  readonly message: RenderedMessage;
  /** Warnings of validation; a template with errors is not previewed. */
  readonly problems: readonly TemplateProblem[];
  /** Of the longest form of the message. */
  readonly sizeBytes: number;
  readonly durationMs: number;
}

/** Wide enough to show everything; a channel's own limits are tighter. */
const PREVIEW_LIMIT: TextLimit = { max: 100_000, unit: "bytes" };

/**
 * Renders a template with a fixed sample: one preview per variant, or the one that is asked for.
 *
 * @throws template_not_found for a name or variant that does not exist; template_invalid with every problem found.
 */
export async function preview(request: PreviewRequest): Promise<readonly Preview[]> {
  const { catalog, name } = request;
  const sources = catalog.sources(name);
  const own = sources.filter(({ origin }) => origin === sources[0]?.origin);
  const groups = chosen(variantGroups(own), request);
  const engine = await loadEngine();
  const problems = groups.flatMap((files) => checkVariant(files, catalog, engine));
  if (problems.some(({ severity }) => severity === "error")) {
    throw new BellhopError("template_invalid", { problems: problems.filter(({ severity }) => severity === "error") });
  }
  return Promise.all(groups.map((files) => previewOne(files, request, problems)));
}

/** The variants to show: all of them, the named one, or the best one for the dialect. */
function chosen(
  groups: (readonly TemplateSource[])[],
  { name, variant, dialect }: PreviewRequest,
): (readonly TemplateSource[])[] {
  const nameOf = (files: readonly TemplateSource[]): string => (files.length > 1 ? "email" : (files[0]?.variant ?? ""));
  if (variant === undefined && dialect === undefined) return groups;
  const wanted = variant === undefined ? VARIANTS_OF[dialect ?? "text"] : [variant];
  for (const one of wanted) {
    const found = groups.find((files) => nameOf(files) === one);
    if (found !== undefined) return [found];
  }
  const near = nearest(wanted[0] ?? "", groups.map(nameOf));
  throw new BellhopError("template_not_found", {
    name: `${name}/${wanted[0] ?? ""}`,
    nearest: near === undefined ? null : `${name}/${near}`,
  });
}

async function previewOne(
  files: readonly TemplateSource[],
  request: PreviewRequest,
  problems: readonly TemplateProblem[],
): Promise<Preview> {
  const { catalog, name, sample = "normal", clock = systemClock } = request;
  const variant = files.length > 1 ? "email" : (files[0]?.variant ?? "text");
  const dialect = request.dialect ?? dialectOf(variant);
  const context = request.context ?? sampleFor(name, sample);
  const startedMs = clock.monotonic();
  const message = await renderMessage({
    catalog,
    name,
    variants: [variant],
    dialect,
    limits: { body: PREVIEW_LIMIT },
    context,
  });
  const forms = [message.body, message.html ?? "", message.native === undefined ? "" : JSON.stringify(message.native)];
  return {
    name,
    variant,
    dialect,
    message,
    problems: problems.filter(({ file }) => files.some((source) => source.file === file)),
    sizeBytes: Math.max(...forms.map((form) => Buffer.byteLength(form))),
    durationMs: clock.monotonic() - startedMs,
  };
}

function dialectOf(variant: string): Dialect {
  const kind = variantKind(variant);
  if (kind === "email") return "html";
  return kind?.dialect ?? "text";
}
