import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";
import { openRuns } from "../support/runs.ts";

// A process of its own: other tests of a process leave listeners that are still on their way out.
let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const noop = task({ name: "noop" }, () => undefined);

describe("listeners of the process", () => {
  const count = (): number =>
    ["exit", "beforeExit", "uncaughtException", "SIGINT", "SIGTERM", "SIGHUP"].reduce(
      (sum, event) => sum + process.listenerCount(event),
      0,
    );

  it("are there only while something runs", async () => {
    // What ran before in this process may still be on its way out.
    await turn();
    const before = count();
    let during = 0;
    const counting = flow({ name: "counting" }, async () => {
      during = count();
      await noop();
      return count();
    });

    const inside = await test.within(() => counting());

    expect(during).toBe(before + 6);
    expect(inside).toBe(during);
    // A signal that came during the last commit is told in the next turn.
    await vi.waitFor(() => expect(count()).toBeLessThanOrEqual(before));
  });
});
