import { expect, it } from "vitest";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openRuns } from "../support/runs.ts";
import { watch } from "../support/two-hubs.ts";

const HOUR_MS = 3_600_000;

/** A machine whose wall clock is set while it runs; what waits goes on waiting. */
class SetClock extends ManualClock {
  aheadMs = 0;

  override now(): number {
    return super.now() + this.aheadMs;
  }

  override nowMicros(): number {
    return super.nowMicros() + this.aheadMs * 1_000;
  }
}

it.each(["flow", "task"] as const)(
  "a %s waits for its retry as long as it should when the clock is set back meanwhile",
  async (kind) => {
    const clock = new SetClock();
    await using test = await openRuns({}, { clock });
    const runs = test.hub.engine.runs;
    let attempts = 0;
    const body = (): string => {
      attempts += 1;
      if (attempts > 1) return "done";
      // In the turn after the attempt, while its state is stored and before the wait begins.
      queueMicrotask(() => setImmediate(() => (clock.aheadMs = -HOUR_MS)));
      throw new Error("once");
    };
    const options = { retries: 1, retryDelaySeconds: 10 };
    const retried =
      kind === "flow"
        ? flow({ name: "retried", ...options }, body)
        : flow({ name: "retried" }, () => task({ name: "step", ...options }, body)());

    const seen = watch(test.within(() => retried()));
    await clock.advance(9_999);
    expect(clock.aheadMs).toBe(-HOUR_MS);
    expect([attempts, seen.isDone]).toEqual([1, false]);
    await clock.advance(1);

    expect([attempts, seen.isDone]).toEqual([2, true]);
    expect((await runs.listFlowRuns({ flowName: "retried" }))[0]?.state.name).toBe("Completed");
  },
);
