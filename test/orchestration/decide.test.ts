import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advance, UNTOUCHED } from "../../src/orchestration/bookkeeping.ts";
import { decide, type Decision, type Proposal } from "../../src/orchestration/decide.ts";
import {
  AwaitingRetry,
  Completed,
  Crashed,
  Failed,
  Late,
  Pending,
  Retrying,
  Running,
  Scheduled,
  state,
  Submitting,
} from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { StateType } from "../../src/states/state-type.ts";

const propose = (from: State | null, to: State, more: Partial<Proposal> = {}): Decision =>
  decide({ from, to, nowMs: Date.now() + 60_000, runCount: 1, retries: 0, retryDelaySeconds: () => 0, ...more });

/** One letter per verdict: accept, keep, wait, refuse, write something else. */
function letter(decision: Decision): string {
  if (decision.kind === "reject") return decision.state === null ? "=" : ">";
  return { accept: "A", wait: "W", abort: "!" }[decision.kind];
}

describe("the transition table", () => {
  it.each([
    ["none", "A A A ! A A A A A"],
    ["SCHEDULED", "A A A = A A A A A"],
    ["PENDING", "A ! A = A A A A A"],
    ["RUNNING", "A ! A A A A A A A"],
    ["PAUSED", "A = A = A A A A A"],
    ["CANCELLING", "= = = = = A = = ="],
    ["CANCELLED", "! ! A ! ! A A A !"],
    ["COMPLETED", "! A A ! ! A A A !"],
    ["FAILED", "! A A ! ! A A A !"],
    ["CRASHED", "! A A ! ! A A A !"],
  ] as const)("from %s gives %s", (from, expected) => {
    const current = from === "none" ? null : state({ type: from });

    const row = StateType.options.map((type) => letter(propose(current, state({ type }))));

    expect(row.join(" ")).toBe(expected);
  });

  it("lets nothing that comes late turn an ended run into a crash", () => {
    for (const ended of [Completed(), Failed(), Crashed(), state({ type: "CANCELLED" })]) {
      expect(propose(ended, Crashed())).toMatchObject({ kind: "abort" });
    }
  });

  it("lets a cancelling run become nothing but cancelled", () => {
    const kept = StateType.options.filter(
      (type) => letter(propose(state({ type: "CANCELLING" }), state({ type }))) === "A",
    );

    expect(kept).toEqual(["CANCELLED"]);
  });

  it("says Late once, and only of a scheduled run", () => {
    expect(letter(propose(Scheduled(), Late()))).toBe("A");
    expect(letter(propose(Late(), Late()))).toBe("=");
    expect(letter(propose(Running(), Late()))).toBe("=");
  });

  it("lets submission go forward only", () => {
    expect(letter(propose(Pending(), Submitting()))).toBe("A");
    expect(letter(propose(Submitting(), Submitting()))).toBe("!");
    expect(letter(propose(Submitting(), Pending()))).toBe("!");
  });

  it("hands the scheduled time on to the pending state", () => {
    const scheduledTime = new Date("2026-02-03T04:05:06Z");

    const decision = propose(Scheduled({ scheduledTime }), Pending());

    expect(decision).toMatchObject({ kind: "accept", state: { stateDetails: { scheduledTime } } });
  });

  it("waits until the scheduled time, and not a moment longer", () => {
    const scheduledTime = new Date(10_000);

    expect(propose(AwaitingRetry({ scheduledTime }), Retrying(), { nowMs: 7_500 })).toMatchObject({
      kind: "wait",
      waitMs: 2_500,
    });
    expect(propose(AwaitingRetry({ scheduledTime }), Retrying(), { nowMs: 10_000 })).toMatchObject({ kind: "accept" });
  });
});

describe("retries", () => {
  const failed = Failed({ message: "it broke", data: new Error("it broke") });

  it("write AwaitingRetry, with the failure's message and error, while attempts are left", () => {
    const decision = propose(Running(), failed, {
      runCount: 1,
      retries: 1,
      retryDelaySeconds: () => 2.5,
      nowMs: 1_000,
    });

    expect(decision).toMatchObject({
      kind: "reject",
      state: { name: "AwaitingRetry", type: "SCHEDULED", message: "it broke" },
    });
    if (decision.kind !== "reject") throw new Error("expected a rejection");
    expect(decision.state?.peek()).toBe(failed.peek());
    expect(decision.state?.startTime).toEqual(new Date(3_500));
  });

  it("are over when every attempt was made", () => {
    expect(propose(Running(), failed, { runCount: 2, retries: 1 })).toEqual({ kind: "accept", state: failed });
  });

  it("are not made of a failure that says it must not be", () => {
    const never = Failed({ stateDetails: { retriable: false } });

    expect(propose(Running(), never, { retries: 3 })).toEqual({ kind: "accept", state: never });
  });

  it("are not made of crashes", () => {
    expect(propose(Running(), Crashed(), { retries: 3 })).toMatchObject({ kind: "accept", state: { type: "CRASHED" } });
  });
});

/** What may follow at all, written down apart from the table. */
function mayFollow(current: State | null): readonly StateType[] {
  if (current?.isFinal() === true) return ["PENDING", "RUNNING", "CANCELLED", "COMPLETED", "FAILED"];
  return current?.isCancelling() === true ? ["CANCELLED"] : StateType.options;
}

describe("any sequence of proposals", () => {
  it("leaves a final state only for another attempt or another end, and never loses count", () => {
    const proposals = fc.array(fc.constantFrom(...StateType.options), { maxLength: 30 });
    fc.assert(
      fc.property(proposals, fc.integer({ min: 0, max: 3 }), (types, retries) => {
        let current: State | null = null;
        let books = UNTOUCHED;
        let micros = 1_000_000;
        let attempts = 0;
        for (const type of types) {
          const decision = propose(current, state({ type }), {
            runCount: books.runCount,
            retries,
            nowMs: Number.MAX_SAFE_INTEGER / 2,
          });
          const next = decision.kind === "accept" || decision.kind === "reject" ? decision.state : null;
          if (next === null) continue;

          expect(mayFollow(current)).toContain(next.type);
          acceptState(next, { timestampMicros: (micros += 1_000), flowRunId: null, taskRunId: null });
          books = advance(books, current, next);
          attempts += next.type === "RUNNING" ? 1 : 0;
          current = next;

          expect(books.runCount).toBe(attempts);
          expect(books.endMicros !== null).toBe(next.isFinal());
        }
      }),
    );
  });
});
