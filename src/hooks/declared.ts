import type { Clock } from "../base/clock.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { type ContextOptions, messageContext, plainContext, type StateChange } from "../delivery/message-context.ts";
import { runPayload, withFallback } from "../delivery/payload.ts";
import type { Transition, TransitionListener } from "../engine/transition.ts";
import { isRetryDecision } from "../orchestration/retry.ts";
import type { DeclaredHook } from "../runs/declared-hook.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import type { RunRecord } from "../runs/flow-run.ts";
import type { RunMessage, Severity } from "../templating/context.ts";
import { isSeverity } from "../templating/severity.ts";
import { templateForState } from "../templating/template-for-state.ts";

export interface DeclaredParts {
  readonly clock: Clock;
  readonly newId: () => string;
  /** Base of links to runs; null: messages have no links. */
  readonly uiUrl: string | null;
  readonly hubName: string;
}

/**
 * Turns the declarative hooks of a run into deliveries, to be stored together with the state that they wait for.
 * It never throws: a context that cannot be built becomes a plainer one, and the notification still goes out.
 */
export const declaredDeliveries = (parts: DeclaredParts): TransitionListener => ({
  requests: (move) => move.declared.filter((hook) => matches(hook, move)).map((hook) => requestFor(hook, move, parts)),
});

const matches = (hook: DeclaredHook, { from, to }: Transition): boolean =>
  hook.on.includes(to.type) || (hook.retries === true && isRetryDecision(from, to));

/** Such a message says where a run stands; while it waits, a newer one makes it useless. */
const isProgress = ({ from, to }: Transition): boolean => to.type === "RUNNING" || isRetryDecision(from, to);

function requestFor(hook: DeclaredHook, move: Transition, parts: DeclaredParts): DeliveryRequest {
  const { run, to } = move;
  const options = readOptions(hook.options);
  const nowMs = parts.clock.now();
  const context = contextFor(move, {
    severity: options.severity,
    vars: options.vars,
    destination: hook.ref,
    uiUrl: parts.uiUrl,
    hubName: parts.hubName,
    nowMicros: parts.clock.nowMicros(),
  });
  const template = options.template ?? templateForState(to.type, to.name);
  return {
    id: parts.newId(),
    dedupKey: `${to.id}/${hook.index}/${hook.ref}`,
    destination: hook.ref,
    subject: `${run.kind}/${run.id}`,
    severity: context.severity,
    flowRunId: flowRunIdOf(run),
    taskRunId: run.kind === "task-run" ? run.id : null,
    stateId: to.id,
    payload: withFallback(
      runPayload({ template, severity: context.severity, vars: context.vars, context }),
      options.fallback,
    ),
    createdAtMs: nowMs,
    expiresAtMs: options.expiresInMs === undefined ? null : nowMs + options.expiresInMs,
    coalesce: isProgress(move) ? "latest" : null,
  };
}

const flowRunIdOf = (run: RunRecord): string | null => (run.kind === "flow-run" ? run.id : run.flowRunId);

function contextFor(change: StateChange, options: ContextOptions): RunMessage {
  try {
    return messageContext(change, options);
  } catch {
    // Values of users can throw when they are read: an error with a getter, a parameter with toJSON.
    return plainContext(change, options);
  }
}

interface Options {
  readonly template: string | undefined;
  readonly severity: Severity | undefined;
  readonly vars: JsonObject;
  readonly expiresInMs: number | undefined;
  readonly fallback: string | undefined;
}

/** Options were checked where the hook was declared; here they come from the store, possibly of another version. */
function readOptions(options: JsonObject): Options {
  const { template, severity, vars, expiresInMs, fallback } = options;
  return {
    template: typeof template === "string" && template !== "" ? template : undefined,
    severity: isSeverity(severity) ? severity : undefined,
    vars: isObject(vars) ? vars : {},
    expiresInMs: typeof expiresInMs === "number" && expiresInMs >= 0 ? expiresInMs : undefined,
    fallback: typeof fallback === "string" && fallback !== "" ? fallback : undefined,
  };
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
