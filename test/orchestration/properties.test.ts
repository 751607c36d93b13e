import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advanceFlowRun, type FlowRunBooks, UNTOUCHED } from "../../src/orchestration/bookkeeping.ts";
import { decide } from "../../src/orchestration/decide.ts";
import { readPolicy } from "../../src/orchestration/policy.ts";
import { Paused, Scheduled, state, Suspended } from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { StateType } from "../../src/states/state-type.ts";

/** What somebody proposes, after how long, and what is known about the run then. */
interface Step {
  readonly make: (nowMs: number) => State;
  readonly afterMs: number;
  readonly hasProcess: boolean;
  readonly hasDeployment: boolean;
  readonly force: boolean;
}

const proposed: fc.Arbitrary<Step["make"]> = fc.oneof(
  fc.constantFrom(...StateType.options).map((type) => () => state({ type })),
  fc.constantFrom("Late", "Resuming", "Scheduled").map((name) => () => Scheduled({ name })),
  fc
    .record({ pauseKey: fc.constantFrom("1", "2"), lastsMs: fc.integer({ min: 0, max: 5_000 }) })
    .map(({ pauseKey, lastsMs }) => (nowMs: number) => {
      return Paused({ pauseKey, pauseExpirationTime: new Date(nowMs + lastsMs) });
    }),
  fc.constant(() => Suspended({ pauseKey: "s" })),
);

const steps = (force: fc.Arbitrary<boolean>): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      make: proposed,
      afterMs: fc.integer({ min: 0, max: 4_000 }),
      hasProcess: fc.boolean(),
      hasDeployment: fc.boolean(),
      force,
    }),
    { maxLength: 40 },
  );

interface Moment {
  readonly from: State | null;
  readonly to: State;
  readonly before: FlowRunBooks;
  readonly after: FlowRunBooks;
  readonly step: Step;
}

/** Every state change that these proposals lead to. */
function play(all: readonly Step[], retries: number): Moment[] {
  const moments: Moment[] = [];
  let books: FlowRunBooks = { ...UNTOUCHED, empiricalPolicy: { retries }, leaseId: "lease" };
  let from: State | null = null;
  let nowMs = 1_700_000_000_000;
  for (const step of all) {
    nowMs += step.afterMs;
    const { hasProcess, hasDeployment, force } = step;
    const decision = decide({
      from,
      to: step.make(nowMs),
      nowMs,
      runCount: books.runCount,
      retries,
      retryDelaySeconds: () => 1,
      policy: readPolicy(books.empiricalPolicy),
      hasProcess,
      hasDeployment,
      force,
    });
    const to = decision.kind === "accept" || decision.kind === "reject" ? decision.state : null;
    if (to === null) continue;
    const timestampMicros = Math.max(nowMs * 1_000, (from?.timestampMicros ?? 0) + 1);
    acceptState(to, { timestampMicros, flowRunId: null, taskRunId: null });
    const after = advanceFlowRun(books, from, to);
    moments.push({ from, to, before: books, after, step });
    books = after;
    from = to;
  }
  return moments;
}

const NEVER = fc.constant(false);
const retries = fc.integer({ min: 0, max: 3 });

const everyMoment = (
  check: (moment: Moment, index: number, all: readonly Moment[]) => void,
  force = fc.boolean(),
): void => fc.assert(fc.property(steps(force), retries, (all, limit) => play(all, limit).forEach(check)));

describe("any sequence of proposals", () => {
  it("leaves a final state only as the table says", () => {
    everyMoment(({ from, to, step }) => {
      if (from?.isFinal() !== true || to.isFinal()) return;
      const allowed = from.isCancelled() ? ["RUNNING"] : ["PENDING", "RUNNING"];

      expect(step.hasDeployment ? ["SCHEDULED", ...allowed] : allowed).toContain(to.type);
    }, NEVER);
  });

  it("never turns an ended run into a crash", () => {
    everyMoment(({ from, to }) => {
      expect(from?.isFinal() === true && to.isCrashed()).toBe(false);
    }, NEVER);
  });

  it("lets a cancelling run become nothing but Cancelled", () => {
    everyMoment(({ from, to }) => {
      expect(from?.isCancelling() === true ? to.type : "CANCELLED").toBe("CANCELLED");
    }, NEVER);
  });

  it("pauses only what runs, and once per key until the run is started again", () => {
    everyMoment(({ from, to, before }) => {
      if (!to.isPaused()) return;

      expect(from?.type).toBe("RUNNING");
      expect(readPolicy(before.empiricalPolicy).pauseKeys).not.toContain(to.stateDetails.pauseKey);
    }, NEVER);
  });

  it("counts every entry into running that is not a resume", () => {
    everyMoment(({ from, to, before, after }) => {
      const isResume = readPolicy(before.empiricalPolicy).resuming && from?.isFinal() !== true;
      const counts = to.isRunning() && !isResume && from?.isPaused() !== true;

      expect(after.runCount - before.runCount).toBe(counts ? 1 : 0);
    });
  });

  it("forgets the resume with the next attempt or end", () => {
    everyMoment(({ to, after }) => {
      const { resuming } = readPolicy(after.empiricalPolicy);

      expect(resuming && (to.isRunning() || to.isFinal())).toBe(false);
    });
  });

  it("has an end exactly while the run is final, never before its start, and unchanged from final to final", () => {
    everyMoment(({ from, to, before, after }) => {
      expect(after.endMicros !== null).toBe(to.isFinal());
      expect(after.endMicros ?? Infinity).toBeGreaterThanOrEqual(after.startMicros ?? 0);
      if (from?.isFinal() === true && to.isFinal()) expect(after.endMicros).toBe(before.endMicros);
    });
  });

  it("sets the start once, with the first attempt or the end", () => {
    everyMoment(({ to, before, after }) => {
      const expected = before.startMicros ?? (to.isRunning() || to.isFinal() ? to.timestampMicros : null);

      expect(after.startMicros).toBe(expected);
    });
  });

  it("adds up exactly the time spent running", () => {
    everyMoment(({ after }, index, all) => {
      const spent = all.slice(0, index + 1).reduce((sum, { from, to }) => {
        return from?.isRunning() === true ? sum + to.timestampMicros - from.timestampMicros : sum;
      }, 0);

      expect(after.totalRunTimeMicros).toBe(spent);
    });
  });

  it("leaves no process in charge of a suspended run", () => {
    everyMoment(({ to, after }) => {
      const isSuspended = to.isPaused() && to.stateDetails.pauseReschedule === true;

      expect(isSuspended && after.leaseId !== null).toBe(false);
    });
  });

  it("retries at most as often as is allowed", () => {
    everyMoment(({ from, to, before }) => {
      const isRetry = to.isRetrying() && from?.isRunning() === true;
      const { retries: limit } = readPolicy(before.empiricalPolicy);

      expect(isRetry ? before.runCount : 0).toBeLessThanOrEqual(limit);
    }, NEVER);
  });
});
