import { createRedactor, redact, redactUrl } from "../base/redactor.ts";
import { MASK, revealDeep, SecretValue } from "../base/secret.ts";
import type { RequestPlan } from "./channel.ts";
import type { Outcome } from "./outcome.ts";

/** Longest detail of an outcome. Unit: UTF-16 units. */
const DETAIL_CHARS = 500;
/** Blocks nest in blocks, but never this deep. */
const MAX_DEPTH = 20;

export type Scrub = (text: string) => string;

/**
 * Masks every secret of one block, and of the request made from it, besides the secrets that the process knows already.
 * An answer may quote the address it was sent to, and the address of a webhook is a credential.
 */
export function scrubberFor(config: unknown, plan?: RequestPlan): Scrub {
  const own = createRedactor();
  for (const secret of secretsIn(config)) own.register(secret);
  if (plan?.executor === "http" || plan?.executor === "slack-webhook") own.register(plan.url);
  return (text) => redact(text, own);
}

/** Every text inside the secrets of a block, nested blocks included. */
export function secretsIn(value: unknown, depth = 0): string[] {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return [];
  if (SecretValue.is(value)) return textsIn(revealDeep(value));
  return Object.values(value).flatMap((item) => secretsIn(item, depth + 1));
}

function textsIn(value: unknown, depth = 0): string[] {
  if (typeof value === "string" || typeof value === "number") return [String(value)];
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return [];
  return Object.values(value).flatMap((item) => textsIn(item, depth + 1));
}

/** The outcome as it may be stored and shown. */
export function cleanOutcome(outcome: Outcome, makeScrub: () => Scrub): Outcome {
  if (outcome.kind === "delivered") {
    if (outcome.warnings === undefined || outcome.warnings.length === 0) return outcome;
    const scrub = makeScrub();
    return { ...outcome, warnings: outcome.warnings.map((warning) => toDetail(scrub(warning))) };
  }
  return { ...outcome, detail: toDetail(makeScrub()(outcome.detail)) };
}

// oxlint-disable-next-line no-control-regex -- control characters are what must go
const GAPS = /[\s\u0000-\u001F\u007F-\u009F\u2028\u2029]+/g;

/** One line without control characters. Cut after masking: a cut secret would no longer be recognised. */
const toDetail = (text: string): string => text.replaceAll(GAPS, " ").slice(0, DETAIL_CHARS).toWellFormed();

/** The plan as it may be shown: addresses by host only, passwords and header credentials masked. */
export function maskPlan(plan: RequestPlan, scrub: Scrub): RequestPlan {
  if (plan.executor === "slack-webhook") {
    return { ...plan, url: redactUrl(plan.url), payload: scrubDeep(plan.payload, scrub) };
  }
  if (plan.executor === "http") {
    const headers = plan.headers === undefined ? {} : { headers: scrubDeep(plan.headers, scrub) };
    return { ...plan, url: redactUrl(plan.url), ...headers, body: scrubDeep(plan.body, scrub) };
  }
  if (plan.executor === "smtp") {
    const { auth } = plan.server;
    const server = auth === undefined ? plan.server : { ...plan.server, auth: { ...auth, pass: MASK } };
    return { ...plan, server, mail: scrubDeep(plan.mail, scrub) };
  }
  return scrubDeep(plan, scrub);
}

function scrubDeep<T>(value: T, scrub: Scrub): T {
  const walk = (item: unknown): unknown => {
    if (typeof item === "string") return scrub(item);
    if (Array.isArray(item)) return item.map(walk);
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, walk(inner)]));
  };
  // Same shape as before: only texts were replaced, by texts.
  return walk(value) as T;
}
