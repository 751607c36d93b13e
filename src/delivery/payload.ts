import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Severity } from "../channel/message.ts";
import type { RunMessage } from "../templating/context.ts";

/** What a delivery row holds in order to be rendered: everything, so that it can be sent after the run is long gone. */
export type Payload = PayloadContent & {
  /** Targets of the destination that still lack the message; absent: all. */
  readonly only?: readonly string[];
  /** The form that the provider needs it in, learnt from an earlier attempt. */
  readonly degrade?: Degrade;
  /** Set on a message that another destination did not take: one line that says so. */
  readonly notice?: string;
};

/** Plainer or shorter than it was made. */
export type Degrade = "plain" | "shrink";

type PayloadContent =
  /** A message about a run, rendered for the channel when it is sent. */
  | {
      readonly kind: "run";
      readonly template: string;
      readonly severity: Severity;
      readonly vars: JsonObject;
      readonly context: RunMessage;
    }
  /** Text as a direct send had it, in the channel's own markup; stored so that it can be replayed. */
  | { readonly kind: "text"; readonly title: string; readonly body: string }
  /** Plain text, escaped for the channel when it is sent. */
  | { readonly kind: "plain"; readonly title: string; readonly body: string };

/** What a hook stores; read back by {@link readPayload}. */
export const runPayload = (parts: Omit<Extract<PayloadContent, { kind: "run" }>, "kind">): JsonObject => ({
  template: parts.template,
  severity: parts.severity,
  vars: parts.vars,
  context: parts.context,
});

/** Plain text for people, whatever the channel. */
export const plainPayload = (title: string, body: string): JsonObject => ({ plain: true, title, body });

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const text = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "");

/** Targets that a stored delivery is left for; null: all of its destination. */
export function targetsLeft({ only }: JsonObject): readonly string[] | null {
  return Array.isArray(only) ? only.filter((target) => typeof target === "string") : null;
}

/** The destination that a hook named for the case that its own does not take the message; null: none. */
export const fallbackIn = ({ fallback }: JsonObject): string | null => (typeof fallback === "string" ? fallback : null);

/** A hook's payload that names where the message goes if its own destination does not take it. */
export const withFallback = (stored: JsonObject, fallback: string | undefined): JsonObject =>
  fallback === undefined ? stored : { ...stored, fallback };

/** True for a message that is sent in place of another one: it has no fallback of its own. */
export const isFallback = ({ notice }: JsonObject): boolean => typeof notice === "string";

/** The same message for another destination, with a line that says why it comes from there. */
export function asFallback(stored: JsonObject, notice: string): JsonObject {
  const { only: _only, degrade: _degrade, fallback: _fallback, ...message } = stored;
  // A text in one channel's markup is plain text to another.
  return { ...message, ...(isRunPayload(stored) ? {} : { plain: true }), notice };
}

/** The same message, to be sent in this form from now on. */
export const degradedTo = (stored: JsonObject, degrade: Degrade): JsonObject => ({ ...stored, degrade });

/** The same message for these targets alone. */
export const narrowedTo = (stored: JsonObject, only: readonly string[]): JsonObject => ({ ...stored, only });

/** Reads a stored payload; null when it is of no kind. */
export function readPayload(stored: JsonObject): Payload | null {
  const content = readContent(stored);
  if (content === null) return null;
  const only = targetsLeft(stored);
  const { degrade, notice } = stored;
  return {
    ...content,
    ...(only === null ? {} : { only }),
    ...(degrade === "plain" || degrade === "shrink" ? { degrade } : {}),
    ...(typeof notice === "string" ? { notice } : {}),
  };
}

const isRunPayload = ({ template, context }: JsonObject): boolean => typeof template === "string" && isObject(context);

function readContent(stored: JsonObject): PayloadContent | null {
  const { template, severity, vars, context, title, body, plain } = stored;
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
  if (title === undefined && body === undefined) return null;
  return { kind: plain === true ? "plain" : "text", title: text(title), body: text(body) };
}
