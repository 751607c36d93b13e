import { describe, expect, it } from "vitest";
import {
  AwaitingConcurrencySlot,
  AwaitingRetry,
  Cancelled,
  Cancelling,
  Completed,
  Failed,
  Late,
  Paused,
  Pending,
  Retrying,
  Running,
  Scheduled,
  Submitting,
} from "../../../src/states/constructors.ts";
import { signals } from "../../../src/states/signals.ts";
import type { State } from "../../../src/states/state.ts";

/** Every predicate that a handler may ask. */
const PREDICATES = [
  "isScheduled",
  "isPending",
  "isRunning",
  "isPaused",
  "isCompleted",
  "isFailed",
  "isCrashed",
  "isCancelled",
  "isCancelling",
  "isFinal",
  "isFinished",
  "isSuccessful",
  "isRetrying",
  "isCached",
  "isSkipped",
  "isLooped",
] as const satisfies readonly (keyof State)[];
type Predicate = (typeof PREDICATES)[number];

const trueOf = (state: State): Predicate[] => PREDICATES.filter((predicate) => state[predicate]());

const done = ["isFinal", "isFinished"] as const;
const success = ["isCompleted", ...done, "isSuccessful"] as const;
const failure = ["isFailed", ...done] as const;
const looped = new signals.LOOP("next").toState({ nowMs: 0, runCount: 1 });
const skipped = new signals.SKIP("none").toState({ nowMs: 0, runCount: 1 });

/** A Prefect 1 state, the state that stands for it, and everything that is true of that. */
const NAMES: readonly { v1: string; state: State; name: string; type: string; is: readonly Predicate[] }[] = [
  { v1: "Pending", state: Pending(), name: "Pending", type: "PENDING", is: ["isPending"] },
  { v1: "Scheduled", state: Scheduled(), name: "Scheduled", type: "SCHEDULED", is: ["isScheduled"] },
  { v1: "Scheduled", state: Late(), name: "Late", type: "SCHEDULED", is: ["isScheduled"] },
  {
    v1: "Retrying",
    state: AwaitingRetry(),
    name: "AwaitingRetry",
    type: "SCHEDULED",
    is: ["isScheduled", "isRetrying"],
  },
  { v1: "Running", state: Running(), name: "Running", type: "RUNNING", is: ["isRunning"] },
  { v1: "Running", state: Retrying(), name: "Retrying", type: "RUNNING", is: ["isRunning"] },
  { v1: "Success", state: Completed(), name: "Completed", type: "COMPLETED", is: success },
  {
    v1: "Cached",
    state: Completed({ name: "Cached" }),
    name: "Cached",
    type: "COMPLETED",
    is: [...success, "isCached"],
  },
  { v1: "Skipped", state: skipped, name: "Skipped", type: "COMPLETED", is: [...success, "isSkipped"] },
  { v1: "Failed", state: Failed(), name: "Failed", type: "FAILED", is: failure },
  { v1: "TimedOut", state: Failed({ name: "TimedOut" }), name: "TimedOut", type: "FAILED", is: failure },
  {
    v1: "TriggerFailed",
    state: new signals.TRIGGERFAIL("no").toState({ nowMs: 0, runCount: 1 }),
    name: "TriggerFailed",
    type: "FAILED",
    is: failure,
  },
  {
    v1: "ValidationFailed",
    state: new signals.VALIDATIONFAIL("no").toState({ nowMs: 0, runCount: 1 }),
    name: "ValidationFailed",
    type: "FAILED",
    is: failure,
  },
  { v1: "Cancelling", state: Cancelling(), name: "Cancelling", type: "CANCELLING", is: ["isCancelling"] },
  { v1: "Cancelled", state: Cancelled(), name: "Cancelled", type: "CANCELLED", is: ["isCancelled", ...done] },
  { v1: "Paused", state: Paused(), name: "Paused", type: "PAUSED", is: ["isPaused"] },
  { v1: "Resume", state: Scheduled({ name: "Resuming" }), name: "Resuming", type: "SCHEDULED", is: ["isScheduled"] },
  { v1: "Submitted", state: Submitting(), name: "Submitting", type: "PENDING", is: ["isPending"] },
  {
    v1: "Queued",
    state: AwaitingConcurrencySlot(),
    name: "AwaitingConcurrencySlot",
    type: "SCHEDULED",
    is: ["isScheduled"],
  },
  { v1: "Looped", state: looped, name: "Looped", type: "RUNNING", is: ["isRunning", "isLooped"] },
];

describe("the states of Prefect 1", () => {
  it.each(NAMES)("have a counterpart: $v1 is $name of type $type", ({ state, name, type, is }) => {
    expect({ name: state.name, type: state.type }).toEqual({ name, type });
    expect(trueOf(state).toSorted()).toEqual([...is].toSorted());
  });

  it("use the word Retrying for the state that waits, and isRetrying still asks for that one", () => {
    expect(AwaitingRetry().isRetrying()).toBe(true);
    expect(AwaitingRetry().startTime).toBeInstanceOf(Date);
    expect(Retrying().isRetrying()).toBe(false);
    expect(Retrying().startTime).toBeNull();
  });

  it("took Cancelling for running, which it is not here", () => {
    expect(Cancelling().isRunning()).toBe(false);
  });

  it("counted waiting states as pending, which only Pending and Submitting are here", () => {
    expect([Scheduled(), AwaitingRetry(), Paused(), Scheduled({ name: "Resuming" })].some((s) => s.isPending())).toBe(
      false,
    );
  });
});
