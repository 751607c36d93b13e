import type { FetchFunction } from "@slack/webhook";
import { classifyError } from "./classify.ts";
import type { HttpAnswer, HttpResult } from "./exchange.ts";
import { attemptTimeoutMs, type Executor } from "./executor.ts";
import type { HttpClient } from "./http-client.ts";
import { toExecuted } from "./http-executor.ts";

/**
 * Posts through Slack's own client, which is given our HTTP client as its `fetch`. Used bare it follows no private-address
 * rule, cannot be cancelled, and drops the headers of an answer (`Retry-After`); a 200 that says `invalid_token` resolves.
 * So the answer is taken where it arrives, and the library's result and errors are not looked at.
 */
export async function openSlackExecutor(client: HttpClient): Promise<Executor<"slack-webhook">> {
  const { IncomingWebhook } = await import("@slack/webhook");
  return {
    async execute(plan, { signal }) {
      const timeoutMs = attemptTimeoutMs(plan.timeoutMs);
      let result: HttpResult | undefined;
      const guardedFetch: FetchFunction = async (url, init) => {
        result = await client.request({
          method: "POST",
          url: String(url),
          headers: { "content-type": "application/json" },
          body: typeof init?.body === "string" ? init.body : null,
          timeoutMs,
          policy: { allowPrivate: plan.allowPrivateUrls ?? true },
          signal,
        });
        if (result.kind !== "answer") throw new Error("no answer");
        return toFetchResponse(result);
      };
      // Made for each call and never kept: its inspection shows the URL.
      const webhook = new IncomingWebhook(plan.url, { fetch: guardedFetch });
      try {
        await webhook.send(plan.payload);
      } catch (error) {
        // The library throws for every answer that is not 2xx; only an error before the request is news.
        result ??= { kind: "failure", error, written: false };
      }
      return result === undefined
        ? { kind: "outcome", outcome: classifyError(new Error("the Slack client sent nothing"), false), status: null }
        : toExecuted(result, timeoutMs);
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Redirects come through as answers: 3xx is not `ok`, and nothing here follows it. */
const toFetchResponse = ({ status, statusText, headers, text }: HttpAnswer): Awaited<ReturnType<FetchFunction>> => ({
  ok: status >= 200 && status < 300,
  status,
  statusText,
  url: "",
  headers: { get: (name) => headers[name.toLowerCase()] ?? null, entries: () => Object.entries(headers) },
  arrayBuffer: async () => new TextEncoder().encode(text).buffer,
  json: async () => JSON.parse(text),
  text: async () => text,
});
