import type { JsonValue } from "../base/json.ts";
import type { ChannelResponse, HttpPlan } from "./channel.ts";
import { classifyError } from "./classify.ts";
import type { HttpAnswer, HttpResult } from "./exchange.ts";
import { attemptTimeoutMs, type Executed, type Executor } from "./executor.ts";
import type { HttpClient } from "./http-client.ts";

/** Carries out plain HTTP plans. The client is shared, so it is not closed here. */
export const openHttpExecutor = (client: HttpClient): Executor<"http"> => ({
  async execute(plan, { signal }) {
    const { text, contentType } = serialize(plan.body);
    const timeoutMs = attemptTimeoutMs(plan.timeoutMs);
    const result = await client.request({
      method: plan.method,
      url: plan.url,
      headers: headersOf(contentType, plan.headers),
      body: text,
      timeoutMs,
      policy: { allowPrivate: plan.allowPrivateUrls ?? true, ...plan.tls },
      signal,
    });
    return toExecuted(result, timeoutMs);
  },
  async [Symbol.asyncDispose]() {},
});

function serialize(body: HttpPlan["body"]): { readonly text: string | null; readonly contentType?: string } {
  if (body.type === "none") return { text: null };
  if (body.type === "json") return { text: JSON.stringify(body.value), contentType: "application/json" };
  if (body.type === "text") return { text: body.value, contentType: body.contentType ?? "text/plain; charset=utf-8" };
  return { text: new URLSearchParams(body.value).toString(), contentType: "application/x-www-form-urlencoded" };
}

/** In lower case; what a channel sets itself wins. */
function headersOf(contentType: string | undefined, own: HttpPlan["headers"] = {}): Record<string, string> {
  const headers: Record<string, string> = {};
  if (contentType !== undefined) headers["content-type"] = contentType;
  for (const name in own) {
    const value = own[name];
    if (value !== undefined) headers[name.toLowerCase()] = value;
  }
  return headers;
}

/** The client's result as an answer to judge, or as the outcome that it is. */
export function toExecuted(result: HttpResult, timeoutMs: number): Executed {
  if (result.kind === "answer") return { kind: "response", response: toResponse(result) };
  if (result.kind === "failure") {
    return { kind: "outcome", outcome: classifyError(result.error, result.written), status: null };
  }
  const ambiguous = result.written;
  if (result.by === "deadline") {
    const detail = `No answer within ${timeoutMs / 1_000} s`;
    return { kind: "outcome", outcome: { kind: "retry", reason: "timeout", detail, ambiguous }, status: null };
  }
  const detail = result.by === "shutdown" ? "Stopped because the process is shutting down" : "Stopped by the caller";
  return { kind: "outcome", outcome: { kind: "retry", reason: "cancelled", detail, ambiguous }, status: null };
}

function toResponse({ status, headers, text }: HttpAnswer): ChannelResponse {
  const json = parseJson(text, headers["content-type"]);
  return json === undefined ? { status, headers, text } : { status, headers, text, json };
}

function parseJson(text: string, contentType: string | undefined): JsonValue | undefined {
  if (!/^\s*[[{]/.test(text) && contentType?.includes("json") !== true) return undefined;
  try {
    // JSON.parse returns JSON values only.
    return JSON.parse(text) as JsonValue;
  } catch {
    // SyntaxError: the answer only looks like JSON, or was cut.
    return undefined;
  }
}
