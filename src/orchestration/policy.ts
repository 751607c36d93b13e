import type { JsonObject, JsonValue } from "../base/json.ts";
import { isFinalType, type State } from "../states/state.ts";

/** What a flow run remembers between its states, beside its counters. Source: Prefect 3, FlowRunPolicy. */
export interface FlowRunPolicy {
  readonly retries: number;
  /** Seconds before each retry; the last entry repeats; empty means at once. */
  readonly retryDelaySeconds: readonly number[];
  /** Pauses that have happened; one of the same key passes without a stop. */
  readonly pauseKeys: readonly string[];
  /** The run goes on after a pause; its next entry into RUNNING is not another attempt. */
  readonly resuming: boolean;
  readonly retryType: "in_process" | "reschedule" | null;
}

const numbers = (value: JsonValue | undefined): readonly number[] => {
  if (typeof value === "number") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "number") : [];
};

const texts = (value: JsonValue | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];

/** Reads `empirical_policy`; whatever is missing or of another type counts as unset. */
export function readPolicy(json: JsonObject): FlowRunPolicy {
  const { retries, retry_delay, pause_keys, resuming, retry_type } = json;
  return {
    retries: typeof retries === "number" ? retries : 0,
    retryDelaySeconds: numbers(retry_delay),
    pauseKeys: texts(pause_keys),
    resuming: resuming === true,
    retryType: retry_type === "in_process" || retry_type === "reschedule" ? retry_type : null,
  };
}

/** The fields of the policy that state changes change. */
export type MovingPolicy = Pick<FlowRunPolicy, "pauseKeys" | "resuming" | "retryType">;

/** What a state change does to the policy, and how the books must see it. */
export interface PolicyMove {
  readonly policy: MovingPolicy;
  /** True: entering RUNNING now is going on after a pause, not another attempt. */
  readonly isResume: boolean;
}

/**
 * The policy after the state change `from` → `to`. Gives back the very object when nothing changes.
 *
 * @see Prefect 3, server/orchestration/core_policy.py: HandlePausingFlows, HandleResumingPausedFlows,
 * HandleFlowTerminalStateTransitions, RetryFailedFlows
 */
export function movePolicy(policy: MovingPolicy, from: State | null, to: State): PolicyMove {
  const goesOn = !isFinalType(to.type);
  if (from !== null && isFinalType(from.type) && goesOn) {
    const retryType = to.type === "SCHEDULED" ? ("reschedule" as const) : null;
    return { policy: { ...policy, pauseKeys: [], resuming: false, retryType }, isResume: false };
  }
  const isResume = policy.resuming || (from?.type === "PAUSED" && (to.type === "RUNNING" || to.type === "SCHEDULED"));
  const resuming = isResume && goesOn && to.type !== "RUNNING";
  const { pauseKey } = to.stateDetails;
  const isNewPause = to.type === "PAUSED" && pauseKey != null && !policy.pauseKeys.includes(pauseKey);
  const pauseKeys = isNewPause ? [...policy.pauseKeys, pauseKey] : policy.pauseKeys;
  const retryType = retryTypeAfter(policy.retryType, from, to);
  const isSame = resuming === policy.resuming && pauseKeys === policy.pauseKeys && retryType === policy.retryType;
  return { policy: isSame ? policy : { ...policy, pauseKeys, resuming, retryType }, isResume };
}

function retryTypeAfter(
  current: FlowRunPolicy["retryType"],
  from: State | null,
  to: State,
): FlowRunPolicy["retryType"] {
  if (from?.type !== "RUNNING") return current;
  if (to.isRetrying()) return "in_process";
  return to.type === "FAILED" ? null : current;
}

/** `empirical_policy` with the fields changed; the very object when nothing changes, and unset fields stay away. */
export function writePolicy(json: JsonObject, { pauseKeys, resuming, retryType }: MovingPolicy): JsonObject {
  const before = readPolicy(json);
  const changed: Record<string, JsonValue> = {};
  if (resuming !== before.resuming) changed["resuming"] = resuming;
  if (retryType !== before.retryType) changed["retry_type"] = retryType;
  const isSameKeys =
    pauseKeys.length === before.pauseKeys.length && pauseKeys.every((key, at) => key === before.pauseKeys[at]);
  if (!isSameKeys) changed["pause_keys"] = pauseKeys;
  return Object.keys(changed).length === 0 ? json : { ...json, ...changed };
}
