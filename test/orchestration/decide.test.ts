import { describe, expect, it } from "vitest";
import { decide, type Decision, type Proposal } from "../../src/orchestration/decide.ts";
import {
  AwaitingRetry,
  Cancelled,
  Cancelling,
  Completed,
  Crashed,
  Failed,
  InfrastructurePending,
  Late,
  Paused,
  Pending,
  Retrying,
  Running,
  Scheduled,
  state,
  Submitting,
  Suspended,
} from "../../src/states/constructors.ts";
import { State } from "../../src/states/state.ts";
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
    expect(propose(Running(), failed, { runCount: 2, retries: 1 })).toMatchObject({ kind: "accept", state: failed });
  });

  it("are not made of a failure that says it must not be", () => {
    const never = Failed({ stateDetails: { retriable: false } });

    expect(propose(Running(), never, { retries: 3 })).toMatchObject({ kind: "accept", state: never });
  });

  it("are not made of crashes", () => {
    expect(propose(Running(), Crashed(), { retries: 3 })).toMatchObject({ kind: "accept", state: { type: "CRASHED" } });
  });
});

describe("cancelling", () => {
  it("ends a scheduled run without a process at once, and asks one that has a process", () => {
    const waiting = AwaitingRetry();

    expect(propose(Scheduled(), Cancelling(), { hasProcess: false })).toMatchObject({
      kind: "reject",
      state: { type: "CANCELLED" },
    });
    expect(letter(propose(waiting, Cancelling(), { hasProcess: true }))).toBe("A");
  });

  it("ends a resuming run at once, also one with a process", () => {
    const resuming = Scheduled({ name: "Resuming" });

    expect(propose(resuming, Cancelling(), { hasProcess: true })).toMatchObject({ state: { type: "CANCELLED" } });
  });

  it("ends a suspended run at once, and asks one that is paused in its process", () => {
    expect(propose(Suspended(), Cancelling())).toMatchObject({ kind: "reject", state: { type: "CANCELLED" } });
    expect(propose(Paused(), Cancelling())).toMatchObject({ kind: "accept", state: { type: "CANCELLING" } });
  });

  it("keeps the message of whoever asked for it", () => {
    const decision = propose(Suspended(), Cancelling({ message: "not needed" }));

    expect(decision).toMatchObject({ state: { type: "CANCELLED", message: "not needed" } });
  });
});

describe("pausing", () => {
  const policy = { pauseKeys: ["1"], resuming: false, retryType: null };

  it("is for running runs only", () => {
    expect(letter(propose(null, Paused()))).toBe("!");
    for (const from of [Scheduled(), Pending(), Paused(), Cancelling()])
      expect(letter(propose(from, Paused()))).toBe("=");
    expect(letter(propose(Running(), Paused()))).toBe("A");
  });

  it("happens once per key, and remembers the key", () => {
    const first = propose(Running(), Paused({ pauseKey: "2" }), { policy });

    expect(first).toMatchObject({ kind: "accept", policy: { pauseKeys: ["1", "2"] } });
    expect(letter(propose(Running(), Paused({ pauseKey: "1" }), { policy }))).toBe("=");
  });

  it("as a suspension needs a deployment, and cannot happen inside another run", () => {
    expect(letter(propose(Running(), Suspended()))).toBe("!");
    expect(letter(propose(Running(), Suspended(), { hasDeployment: true }))).toBe("A");
    expect(letter(propose(Running(), Suspended(), { hasDeployment: true, isSubflow: true }))).toBe("!");
  });
});

describe("leaving a pause", () => {
  const nowMs = 100_000;
  const expired = Paused({ pauseExpirationTime: new Date(nowMs - 1) });

  it("becomes Failed once the pause has expired, whatever is proposed", () => {
    for (const type of ["SCHEDULED", "RUNNING", "CANCELLING", "COMPLETED", "CRASHED"] as const) {
      const decision = propose(expired, state({ type }), { nowMs });

      expect(decision).toMatchObject({ kind: "reject", state: { type: "FAILED" } });
    }
  });

  it("is possible until the very instant of its expiry", () => {
    const pause = Paused({ pauseExpirationTime: new Date(nowMs) });

    expect(letter(propose(pause, Running(), { nowMs }))).toBe("A");
  });

  it("keeps the failure that is proposed after the expiry, because it knows more", () => {
    const failed = Failed({ data: new Error("nobody answered") });

    expect(propose(expired, failed, { nowMs })).toMatchObject({ kind: "accept", state: failed });
  });

  it("is refused to a suspended run without a deployment", () => {
    const resuming = Scheduled({ name: "Resuming" });

    expect(letter(propose(Suspended(), resuming))).toBe("=");
    expect(letter(propose(Suspended(), resuming, { hasDeployment: true }))).toBe("A");
  });

  it("does not make a late run of a paused one", () => {
    expect(letter(propose(Paused(), Late()))).toBe("=");
  });

  it("is not another attempt, also when the run is scheduled in between", () => {
    const paused = { pauseKeys: ["1"], resuming: false, retryType: null };

    expect(propose(Paused(), Running(), { policy: paused })).toMatchObject({
      isResume: true,
      policy: { resuming: false, pauseKeys: ["1"] },
    });
    expect(propose(Paused(), Scheduled({ name: "Resuming" }), { policy: paused })).toMatchObject({
      policy: { resuming: true },
    });
    expect(propose(Scheduled(), Running(), { policy: { ...paused, resuming: true } })).toMatchObject({
      isResume: true,
      policy: { resuming: false },
    });
  });
});

describe("leaving a final state", () => {
  const policy = { pauseKeys: ["1"], resuming: true, retryType: "in_process" as const };
  const persisted = State.fromWire({ ...Completed().toWire(), data: { storage_key: "k" } });

  it("for a later time needs a deployment", () => {
    for (const ended of [Cancelled(), Completed(), Failed(), Crashed()]) {
      expect(letter(propose(ended, Scheduled()))).toBe("!");
      expect(letter(propose(ended, Scheduled(), { hasDeployment: true }))).toBe("A");
      expect(letter(propose(ended, Late(), { hasDeployment: true }))).toBe("=");
    }
  });

  it("is refused to a completed run with a stored result", () => {
    for (const to of [Scheduled(), Pending(), Running()]) {
      expect(letter(propose(persisted, to, { hasDeployment: true }))).toBe("=");
    }
  });

  it("starts with a clean memory", () => {
    expect(propose(Failed(), Running(), { policy })).toMatchObject({
      policy: { pauseKeys: [], resuming: false, retryType: null },
    });
    expect(propose(Failed(), Scheduled(), { policy, hasDeployment: true })).toMatchObject({
      policy: { pauseKeys: [], resuming: false, retryType: "reschedule" },
    });
  });

  it("never drops a stored result, not even by force", () => {
    expect(letter(propose(persisted, Completed()))).toBe("=");
    expect(letter(propose(persisted, Completed(), { force: true }))).toBe("=");
    const again = State.fromWire({ ...Completed().toWire(), data: { storage_key: "other" } });
    expect(letter(propose(persisted, again))).toBe("A");
  });
});

describe("force", () => {
  it("skips every rule of the table", () => {
    for (const from of StateType.options.filter((type) => type !== "PAUSED" && type !== "SCHEDULED")) {
      const row = StateType.options.map((type) =>
        letter(propose(state({ type: from }), state({ type }), { force: true })),
      );

      expect(new Set(row)).toEqual(new Set(["A"]));
    }
  });

  it("still ends at once what has nothing running", () => {
    expect(propose(Scheduled(), Cancelling(), { force: true, hasProcess: false })).toMatchObject({
      state: { type: "CANCELLED" },
    });
    expect(propose(Suspended(), Cancelling(), { force: true })).toMatchObject({ state: { type: "CANCELLED" } });
  });
});

describe("the same proposal twice", () => {
  it("is written once", () => {
    const stateDetails = { transitionId: "01990000-0000-7000-8000-000000000001" };

    expect(letter(propose(Running({ stateDetails }), Running({ stateDetails })))).toBe("=");
    expect(letter(propose(Running({ stateDetails }), Running()))).toBe("A");
  });
});

describe("what one state hands on to the next", () => {
  it("is its slot as well as its time", () => {
    const stateDetails = { deploymentConcurrencyLeaseId: "01990000-0000-7000-8000-000000000002" };
    const from = InfrastructurePending({ stateDetails });

    expect(propose(from, Submitting())).toMatchObject({ state: { stateDetails } });
  });
});

describe("the kind of a retry", () => {
  it("is remembered while there is one, and forgotten with the last attempt", () => {
    const first = propose(Running(), Failed(), { runCount: 1, retries: 1 });
    const policy = { pauseKeys: [], resuming: false, retryType: "in_process" as const };

    expect(first).toMatchObject({ policy });
    expect(propose(Running(), Failed(), { runCount: 2, retries: 1, policy })).toMatchObject({
      policy: { retryType: null },
    });
  });
});
