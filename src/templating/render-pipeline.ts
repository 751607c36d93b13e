import { type Candidate, candidatesFor } from "./candidates.ts";
import type { RunMessage } from "./context.ts";
import { bodyDialectOf, fromText } from "./convert.ts";
import { type Draft, draftOf, quietSlackText } from "./draft.ts";
import type { Engine } from "./engine.ts";
import { emergencyText } from "./emergency.ts";
import { escapeHeader } from "./escape.ts";
import { fit } from "./fit.ts";
import { asPlain } from "./plain-context.ts";
import type { PreparedVariant } from "./prepare.ts";
import { prepared } from "./prepared-cache.ts";
import type { RenderRequest } from "./render-request.ts";
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
  const context = asPlain(request.context);
  const { list, problem } = candidatesFor(request);
  let failure = problem;
  for (let index = 0; index < list.length; index += 1) {
    const candidate = list[index];
    if (candidate === undefined) break;
    const variant = prepared(candidate.files, request.catalog, engine);
    const notes = failure === null ? NO_NOTES : [noteFor(request, problem === null ? list[0] : undefined, candidate)];
    try {
      const fitted = fitVariant(variant, context, request, notes);
      // Text beside a provider's JSON, for the case that the provider refuses it.
      const plain = candidate.variant.endsWith(".json")
        ? plainBody(list.slice(index + 1), candidate, { request, context, engine })
        : undefined;
      return finished(fitted, { request, context, candidate, failure, plain });
    } catch (error) {
      if (!(error instanceof RenderFailure)) throw error;
      failure ??= `${error.code}: ${candidate.label}: ${error.message}`;
    }
  }
  return emergency(request, context, failure);
}

const NO_NOTES: readonly string[] = [];

function fitVariant(
  variant: PreparedVariant,
  context: RunMessage,
  request: RenderRequest,
  notes: readonly string[],
): Fitted {
  if (variant.parts.length === 0) throw invalid(variant);
  const scope = new RenderScope(context, request);
  const whole = draftOf(variant, scope, request.dialect);
  const { warnings } = scope;
  if (!overflows(whole, request.limits, notes)) return { draft: withNotes(whole, notes), truncated: false, warnings };
  return { ...shortened(variant, context, request, notes), warnings };
}

function invalid({ problems }: PreparedVariant): RenderFailure {
  const error = problems.find(({ severity }) => severity === "error");
  return new RenderFailure(
    "invalid",
    error === undefined ? "it is empty" : `line ${error.line}, column ${error.column}: ${error.message}`,
  );
}

/** Renders again with less and less of the context; if that is not enough, the end of the text goes. */
function shortened(
  variant: PreparedVariant,
  context: RunMessage,
  request: RenderRequest,
  notes: readonly string[],
): Omit<Fitted, "warnings"> {
  const shortNotes = [TRUNCATED, ...notes];
  let draft: Draft | undefined;
  for (let level = 1; level <= REDUCTIONS.length; level += 1) {
    draft = draftOf(variant, new RenderScope(reduced(context, level), request), request.dialect);
    if (!overflows(draft, request.limits, shortNotes)) return { draft: withNotes(draft, shortNotes), truncated: true };
  }
  if (draft === undefined) throw new RangeError("there is at least one reduction");
  // The link to the run is kept whatever else is cut.
  const { run } = context.links;
  const linked = run === null ? shortNotes : [...shortNotes, run];
  const short = cutDraft(draft, request.limits, linked);
  const isLinkLost = run !== null && !short.body.includes(run);
  return { draft: withNotes(short, isLinkLost ? linked : shortNotes), truncated: true };
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
  {
    request,
    context,
    candidate,
    failure,
    plain,
  }: Rest & { readonly candidate: Candidate; readonly failure: string | null; readonly plain: string | undefined },
): RenderedMessage {
  const title = fittedTitle(draft.title, request);
  const body = plain ?? draft.body;
  const message = {
    title: title.text,
    body:
      request.limits.title === undefined ? body : withoutTitleLine(body, fromText(context.title, draft.bodyDialect)),
    truncated: truncated || title.truncated,
    template: candidate.label,
    templateError: failure,
    warnings,
  };
  const { html, native } = draft;
  if (html !== undefined) return { ...message, html };
  return native === undefined ? message : { ...message, native };
}

function fittedTitle(title: string, { limits }: RenderRequest): { readonly text: string; readonly truncated: boolean } {
  const line = escapeHeader(title);
  return limits.title === undefined ? { text: line, truncated: false } : fit(line, limits.title);
}

/** From the next variant of the same template that is text; undefined when there is none that works. */
function plainBody(
  rest: readonly Candidate[],
  candidate: Candidate,
  { request, context, engine }: Rest & { readonly engine: Engine },
): string | undefined {
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
