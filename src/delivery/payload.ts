import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Severity } from "../channel/message.ts";
import type { RunMessage } from "../templating/context.ts";

/** What a delivery row holds in order to be rendered: everything, so that it can be sent after the run is long gone. */
export type Payload = PayloadContent & {
  /** Targets of the destination that still lack the message; absent: all. */
  readonly only?: readonly string[];
};

type PayloadContent =
  /** A message about a run, rendered for the channel when it is sent. */
  | {
      readonly kind: "run";
      readonly template: string;
      readonly severity: Severity;
      readonly vars: JsonObject;
      readonly context: RunMessage;
    }
  /** Text as a direct send had it; stored so that it can be replayed. */
  | { readonly kind: "text"; readonly title: string; readonly body: string };

/** What a hook stores; read back by {@link readPayload}. */
export const runPayload = (parts: Omit<Extract<PayloadContent, { kind: "run" }>, "kind">): JsonObject => ({
  template: parts.template,
  severity: parts.severity,
  vars: parts.vars,
  context: parts.context,
});

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const text = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "");

/** Targets that a stored delivery is left for; null: all of its destination. */
export function targetsLeft({ only }: JsonObject): readonly string[] | null {
  return Array.isArray(only) ? only.filter((target) => typeof target === "string") : null;
}

/** The same message for these targets alone. */
export const narrowedTo = (stored: JsonObject, only: readonly string[]): JsonObject => ({ ...stored, only });

/** Reads a stored payload; null when it is of neither kind. */
export function readPayload(stored: JsonObject): Payload | null {
  const content = readContent(stored);
  const only = targetsLeft(stored);
  return content === null || only === null ? content : { ...content, only };
}

function readContent(stored: JsonObject): PayloadContent | null {
  const { template, severity, vars, context, title, body } = stored;
  if (typeof template === "string" && isObject(context)) {
    return {
      kind: "run",
      template,
      // Written by `runPayload` of this or an earlier version, which takes these types.
      severity: severity as Severity,
      vars: isObject(vars) ? vars : {},
      context: context as unknown as RunMessage,
    };
  }
  return title === undefined && body === undefined ? null : { kind: "text", title: text(title), body: text(body) };
}
