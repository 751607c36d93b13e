import { formatMicros } from "../../base/instant.ts";
import type { JsonObject } from "../../base/json.ts";
import { waitingJson } from "../delivery/waiting.ts";
import { attemptJson, deliveryJson, flowRunJson } from "../wire.ts";
import { awaitedBy, type Decision, eventsOf, type Step } from "./decisions.ts";
import type { Facts, Told } from "./facts.ts";
import type { Verdicts } from "./verdicts.ts";

/** The explanation for programs; sentences are the same as people get. */
export const explanationJson = (facts: Facts, steps: readonly Step[], { verdicts, remarks }: Verdicts): JsonObject => ({
  run: flowRunJson(facts.run),
  verdicts: verdicts.map(({ destination, isTold, why, deliveryId, runId, text }) => ({
    destination,
    told: isTold,
    why,
    delivery_id: deliveryId,
    run_id: runId,
    text,
  })),
  remarks: [...remarks],
  steps: steps.map(stepJson),
  deliveries: facts.told.map(toldJson),
  missing_blocks: [...facts.missingBlocks],
  nested_flow_runs: facts.nested.map(({ id, name, flowName }) => ({ id, name, flow_name: flowName })),
});

const stepJson = ({ life, stored, decisions }: Step): JsonObject => ({
  run_id: life.run.id,
  run_kind: life.run.kind,
  run_name: life.run.name,
  state_id: stored.state.id,
  state_type: stored.state.type,
  state_name: stored.state.name,
  timestamp: stored.state.timestamp,
  message: stored.state.message,
  hooks: decisions.map(decisionJson),
});

function decisionJson(decision: Decision): JsonObject {
  if (decision.kind === "called") {
    const { event, hook, status, startedMicros, durationMicros, error } = decision.outcome;
    return {
      kind: "function",
      event,
      hook,
      status,
      started: formatMicros(startedMicros),
      duration_ms: durationMicros / 1_000,
      error: error === null ? null : { ...error },
    };
  }
  const { hook, why } = decision;
  return {
    kind: "notify",
    event: eventsOf(hook),
    destination: hook.ref,
    waits_for: awaitedBy(hook),
    matched: decision.kind === "matched",
    why,
    delivery_id: decision.kind === "matched" ? (decision.told?.delivery.id ?? null) : null,
  };
}

function toldJson({ delivery, attempts, waiting, instead }: Told): JsonObject {
  // What it says is in `delivery inspect`.
  const { payload: _payload, ...fields } = deliveryJson(delivery);
  return {
    ...fields,
    waiting: waiting === null ? null : waitingJson(waiting),
    attempt_log: attempts.map(attemptJson),
    fallback: instead === null ? null : toldJson(instead),
  };
}
