import { type Candidate, candidatesFor } from "./candidates.ts";
import type { RunMessage } from "./context.ts";
import { fromText } from "./convert.ts";
import { bodyDialectOf } from "./convert.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { type Draft, draftOf, quietSlackText } from "./draft.ts";
import type { Engine } from "./engine.ts";
import { emergencyText } from "./emergency.ts";
import { escapeHeader } from "./escape.ts";
import { fit } from "./fit.ts";
import type { PreparedVariant } from "./prepare.ts";
import { prepared } from "./prepared-cache.ts";
import type { RenderRequest } from "./render.ts";
import { RenderFailure, RenderScope } from "./render-scope.ts";
import type { RenderedMessage } from "./rendered.ts";
import { cutDraft, overflows, reduced, REDUCTIONS, withNotes } from "./shorten.ts";
import { withoutTitleLine } from "./title-line.ts";

interface Fitted {
  readonly draft: Draft;
  readonly truncated: boolean;
  readonly warnings: readonly string[];
}

/** Tries one candidate after the other; what the first failure was is kept for the record. */
export function renderNow(request: RenderRequest, engine: Engine): RenderedMessage {
  const context = Object.isFrozen(request.context) ? request.context : deepFreeze(plainCopy(request.context));
  const { list, problem } = candidatesFor(request);
  let failure = problem;
  for (const [index, candidate] of list.entries()) {
    const variant = prepared(candidate.files, request.catalog, engine);
    try {
      const plain = () => plainBody(list.slice(index + 1), candidate, { request, context, engine });
      const fitted = fitVariant(variant, context, request, failure === null ? [] : [noteFor(request, problem === null ? list[0] : undefined, candidate)]);
      return finished(fitted, { request, context, candidate, failure, plain });
    } catch (error) {
      if (!(error instanceof RenderFailure)) throw error;
      failure ??= `${error.code}: ${candidate.origin}:${candidate.name}/${candidate.variant}: ${error.message}`;
    }
  }
  return emergency(request, context, failure);
}

/** The context as JSON gives it back: no prototypes, getters or functions. */
const plainCopy = (context: RunMessage): RunMessage => structuredClone(context);

/** Renders with less and less until it fits, then cuts. */
function fitVariant(variant: PreparedVariant, context: RunMessage, request: RenderRequest, notes: readonly string[]): Fitted {
  const errors = variant.problems.filter(({ severity }) => severity === "error");
  if (errors[0] !== undefined) throw new RenderFailure("invalid", `line ${errors[0].line}, column ${errors[0].column}: ${errors[0].message}`);
  const warnings = new Set<string>();
  const draftAt = (level: number): Draft => {
    const scope = new RenderScope(level === 0 ? context : reduced(context, level), request);
    const draft = draftOf(variant, scope, request.dialect);
    for (const warning of scope.warnings) warnings.add(warning);
    return draft;
  };
  let draft = draftAt(0);
  let level = 0;
  const shortNotes = [TRUNCATED, ...notes];
  while (overflows(draft, request.limits, level > 0 ? shortNotes : notes) && level < REDUCTIONS.length) {
    level += 1;
    draft = draftAt(level);
  }
  if (level === 0) return { draft: withNotes(draft, notes), truncated: false, warnings: [...warnings] };
  if (!overflows(draft, request.limits, shortNotes)) return { draft: withNotes(draft, shortNotes), truncated: true, warnings: [...warnings] };
  // The link to the run is kept whatever else is cut.
  const { run } = context.links;
  const linked = run === null ? shortNotes : [...shortNotes, run];
  const short = cutDraft(draft, request.limits, linked);
  const isLinkLost = run !== null && !short.body.includes(run);
  return { draft: withNotes(short, isLinkLost ? linked : shortNotes), truncated: true, warnings: [...warnings] };
}

const TRUNCATED = "… (truncated)";

function noteFor(request: RenderRequest, first: Candidate | undefined, used: Candidate): string {
  const wanted = request.name ?? first?.name ?? used.name;
  const isSame = first !== undefined && first.name === used.name && first.origin === used.origin;
  return `⚠ template ${wanted} failed, ${isSame ? `its variant ${used.variant}` : "built-in text"} used`;
}

interface Rest {
  readonly request: RenderRequest;
  readonly context: RunMessage;
}

function finished(
  { draft, truncated, warnings }: Fitted,
  { request, context, candidate, failure, plain }: Rest & { readonly candidate: Candidate; readonly failure: string | null; readonly plain: () => string | undefined },
): RenderedMessage {
  const title = fittedTitle(draft.title, request);
  const hasOwnBody = !candidate.variant.endsWith(".json");
  const body = hasOwnBody ? draft.body : (plain() ?? draft.body);
  return {
    title: title.text,
    body: request.limits.title === undefined ? body : withoutTitleLine(body, fromText(context.title, draft.bodyDialect)),
    ...(draft.html === undefined ? {} : { html: draft.html }),
    ...(draft.native === undefined ? {} : { native: draft.native }),
    truncated: truncated || title.truncated,
    template: `${candidate.origin}:${candidate.name}/${candidate.variant}`,
    templateError: failure,
    warnings,
  };
}

function fittedTitle(title: string, { limits }: RenderRequest): { readonly text: string; readonly truncated: boolean } {
  const line = escapeHeader(title);
  return limits.title === undefined ? { text: line, truncated: false } : fit(line, limits.title);
}

/**
 * Text beside a provider's JSON, for the case that the provider refuses it: from the next variant of the same template
 * that is text. undefined when there is none that works.
 */
function plainBody(rest: readonly Candidate[], candidate: Candidate, { request, context, engine }: Rest & { readonly engine: Engine }): string | undefined {
  for (const other of rest) {
    if (other.name !== candidate.name || other.origin !== candidate.origin || other.variant.endsWith(".json")) continue;
    try {
      return fitVariant(prepared(other.files, request.catalog, engine), context, request, []).draft.body;
    } catch (error) {
      if (!(error instanceof RenderFailure)) throw error;
    }
  }
  return undefined;
}

function emergency(request: RenderRequest, context: RunMessage, failure: string | null): RenderedMessage {
  const bodyDialect = bodyDialectOf(request.dialect);
  const text = emergencyText(context);
  const draft: Draft = { title: context.title, body: fromText(text, bodyDialect), bodyDialect, isCut: false };
  const body = cutDraft(draft, request.limits, []).body;
  const title = fittedTitle(context.title, request);
  return {
    title: title.text,
    body,
    ...(request.dialect === "html" ? { html: fromText(text, "html") } : {}),
    ...(bodyDialect === "slack-mrkdwn" ? { native: quietSlackText(body) } : {}),
    truncated: title.truncated,
    template: "emergency",
    templateError: failure,
    warnings: [],
  };
}
