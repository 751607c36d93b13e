import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { JsonValue } from "../base/json.ts";
import type { HttpAnswerScript, ReceivedRequest } from "./received.ts";

/** Far above what any channel sends. Unit: bytes. */
const MAX_BODY_BYTES = 5_000_000;
const SLACK_PATH = /^\/(services|workflows|triggers)\//;

type RequestFacts = Omit<ReceivedRequest, "number" | "receivedAtMs">;

export interface HttpReceiverOptions {
  /** The next scripted answer, if there is one. */
  readonly nextAnswer: () => HttpAnswerScript | undefined;
  readonly onRequest: (request: RequestFacts) => void;
}

/** An HTTP endpoint that takes everything: Slack's webhook format under Slack's paths, anything under all others. */
export function createHttpReceiver({ nextAnswer, onRequest }: HttpReceiverOptions): Server {
  return createServer((request, response) => {
    readBody(request).then(
      (raw) => {
        if (raw === undefined) {
          response.writeHead(413).end();
          return;
        }
        const path = request.url ?? "/";
        const json = parseJson(raw);
        const isSlack = SLACK_PATH.test(path);
        const chosen = nextAnswer() ?? (isSlack ? slackAnswer(json) : { status: 200, body: '{"ok":true}' });
        const script = chosen === "echo" ? echo(request, raw) : chosen;
        onRequest({
          channel: isSlack ? "slack" : "webhook",
          method: request.method ?? "GET",
          path,
          headers: flatten(request),
          raw,
          ...(json === undefined ? {} : { json }),
          answered: typeof script === "string" ? null : script.status,
        });
        answer(response, script);
      },
      // The sender went away before its request was complete.
      () => request.destroy(),
    );
  });
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const echo = ({ method, url, rawHeaders }: IncomingMessage, raw: string) => ({
  status: 500,
  body: `Cannot ${method} ${url}\n${raw}\n${rawHeaders.join("\n")}`,
});

function answer(response: ServerResponse, script: Exclude<HttpAnswerScript, "echo">): void {
  if (script === "hang") return;
  if (script === "reset") {
    response.socket?.resetAndDestroy();
    return;
  }
  const { status, headers = {}, body = "" } = script;
  const type = body.startsWith("{") ? "application/json" : "text/plain";
  response.writeHead(status, { "content-type": type, ...headers }).end(body);
}

/** What Slack answers to a payload. Source: Slack docs, "Sending messages using incoming webhooks", error types. */
function slackAnswer(json: JsonValue | undefined): HttpAnswerScript {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return { status: 400, body: "invalid_payload" };
  const hasContent = Object.entries(json).some(
    ([key, value]) =>
      (key === "text" && value !== "") ||
      ((key === "blocks" || key === "attachments") && Array.isArray(value) && value.length > 0),
  );
  return hasContent || !("text" in json) ? { status: 200, body: "ok" } : { status: 400, body: "no_text" };
}

function parseJson(raw: string): JsonValue | undefined {
  try {
    // JSON.parse gives JSON values only.
    return JSON.parse(raw) as JsonValue;
  } catch {
    // SyntaxError: not JSON, which is fine here.
    return undefined;
  }
}

const flatten = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
