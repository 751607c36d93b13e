import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { currentFrame } from "../../src/engine/active-run.ts";
import { printsToLog, withLogPrints } from "../../src/engine/log-prints.ts";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

const METHODS = ["log", "info", "warn", "error", "debug"] as const;
const before = METHODS.map((method) => console[method]);
let printed: string[] = [];

/** A console of this file's own, whose methods are known. */
const own = METHODS.map(
  (method) =>
    (...parts: unknown[]): void =>
      void printed.push([method, ...parts].join(" ")),
);
const install = (functions: readonly ((...parts: unknown[]) => void)[]): void => {
  for (const [at, method] of METHODS.entries()) console[method] = functions[at] ?? console[method];
};
const installed = (): unknown[] => METHODS.map((method) => console[method]);

beforeEach(() => {
  printed = [];
  install(own);
});
afterEach(() => install(before));

/** Runs the body as the engine is to run it. */
const printing =
  <A extends readonly unknown[], T>(body: (...args: A) => T) =>
  (...args: A): T => {
    const frame = currentFrame();
    if (frame === undefined) throw new Error("a body runs in a frame");
    return withLogPrints(frame.run, body, ...args);
  };

async function linesOf(flowName: string): Promise<unknown[]> {
  const { id } = await test.stored.flowRun(flowName);
  return (await test.hub.store.logs.listLogs({ flowRunId: id })).map(({ level, message }) => [level, message]);
}

describe("logPrints", () => {
  it("sends what the body prints to the log of the run, and not to the console", async () => {
    const chatty = flow(
      { name: "chatty", logPrints: true },
      printing(async () => {
        console.log("%s rows", 3);
        await new Promise((resolve) => setImmediate(resolve));
        console.info("info");
        console.warn("warn");
        console.error("error", { sendToApi: false });
        console.debug("debug");
      }),
    );

    await test.within(() => chatty());

    expect(await linesOf("chatty")).toEqual([
      [20, "3 rows"],
      [20, "info"],
      [30, "warn"],
      [40, "error { sendToApi: false }"],
      [10, "debug"],
    ]);
    expect(printed).toEqual([]);
  });

  it("leaves the prints of other runs alone", async () => {
    const quiet = flow(
      { name: "quiet" },
      printing(() => console.log("to the console")),
    );

    await test.within(() => quiet());

    expect(await linesOf("quiet")).toEqual([]);
    expect(printed).toEqual(["log to the console"]);
  });

  it("is inherited by the runs inside, unless they say otherwise", async () => {
    const inherits = task(
      { name: "inherits" },
      printing(() => console.log("inherited")),
    );
    const refuses = task(
      { name: "refuses", logPrints: false },
      printing(() => console.log("refused")),
    );
    const nested = flow(
      { name: "nested" },
      printing(() => console.log("nested")),
    );
    const outer = flow(
      { name: "inheriting", logPrints: true },
      printing(async () => {
        await inherits();
        await refuses();
        await nested();
        console.log("own");
      }),
    );

    await test.within(() => outer());

    expect(await linesOf("inheriting")).toEqual([
      [20, "inherited"],
      [20, "own"],
    ]);
    expect(await linesOf("nested")).toEqual([[20, "nested"]]);
    expect(printed).toEqual(["log refused"]);
  });

  it("holds for a task in a flow that does not", async () => {
    const chatty = task(
      { name: "chatty-task", logPrints: true },
      printing(() => console.log("from the task")),
    );
    const outer = flow(
      { name: "not-inheriting" },
      printing(async () => {
        await chatty();
        console.log("from the flow");
      }),
    );

    await test.within(() => outer());

    expect(await linesOf("not-inheriting")).toEqual([[20, "from the task"]]);
    expect(printed).toEqual(["log from the flow"]);
  });

  it("touches the console only while such a body runs, and puts it back when the body throws", async () => {
    const during: boolean[] = [];
    const look = printing(async () => {
      during.push(installed().every((method, at) => method !== own[at]));
      await Promise.resolve();
      throw new Error("no");
    });
    const throwing = flow({ name: "throwing", logPrints: true }, look);
    const sync = flow(
      { name: "throwing-at-once", logPrints: true },
      printing(() => {
        throw new Error("no");
      }),
    );

    for (const failing of [throwing, sync]) await test.within(() => failing.run([], { returnState: true }));

    expect(during).toEqual([true]);
    expect(installed()).toEqual(own);
  });

  it("passes on what code outside such runs prints meanwhile", async () => {
    const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = flow(
      { name: "slow", logPrints: true },
      printing(async () => {
        started.resolve();
        await released.promise;
        console.log("inside");
      }),
    );

    const running = test.within(() => slow());
    console.log("before the body");
    await started.promise;
    console.log("outside");
    expect(console.log).not.toBe(own[0]);
    released.resolve();
    await running;

    expect(printed).toEqual(["log before the body", "log outside"]);
    expect(await linesOf("slow")).toEqual([[20, "inside"]]);
  });

  it("keeps the lines of runs at the same time apart, and ends with the last of them", async () => {
    const loud = flow(
      { name: "loud", flowRunName: "loud-{arg0}", logPrints: true },
      printing(async (word: string) => {
        for (const part of ["1", "2"]) {
          console.log(word + part);
          await new Promise((turn) => setImmediate(turn));
        }
      }),
    );

    await test.within(() => Promise.all(["a", "b"].map((word) => loud(word))));

    const runs = await test.hub.store.runs.listFlowRuns({ flowName: "loud" });
    const lines = await Promise.all(
      runs.map(async ({ id, name }) => [
        name,
        ...(await test.hub.store.logs.listLogs({ flowRunId: id })).map(({ message }) => message),
      ]),
    );
    expect(lines.toSorted(([a = ""], [b = ""]) => a.localeCompare(b))).toEqual([
      ["loud-a", "a1", "a2"],
      ["loud-b", "b1", "b2"],
    ]);
    expect(installed()).toEqual(own);
  });

  it("asks what the body returns once only, also when that is no promise of the language", async () => {
    let asked = 0;
    const lazy: PromiseLike<number> = {
      // oxlint-disable-next-line unicorn/no-thenable -- this is what is under test
      then: (onValue, onError) => {
        asked += 1;
        return Promise.resolve(7).then(onValue, onError);
      },
    };
    const returning = flow({ name: "lazy", logPrints: true }, () => lazy);

    await expect(test.within(() => returning())).resolves.toBe(7);

    expect(asked).toBe(1);
    expect(installed()).toEqual(own);
  });

  it("leaves the prints of hooks alone", async () => {
    const hook = (): void => console.log("from the hook");
    const hooked = flow(
      { name: "hooked-prints", logPrints: true, onRunning: [hook], onCompletion: [hook] },
      printing(() => console.log("from the body")),
    );
    const outer = flow(
      { name: "around-hooks", logPrints: true },
      printing(() => hooked()),
    );

    await test.within(() => outer());

    expect(await linesOf("hooked-prints")).toEqual([[20, "from the body"]]);
    expect(printed).toEqual(["log from the hook", "log from the hook"]);
  });

  it("leaves in place what other code put in front of it", async () => {
    const front = (...parts: unknown[]): void => void printed.push(`front ${parts.join(" ")}`);
    const replacing = flow(
      { name: "replacing", logPrints: true },
      printing(async () => {
        console.log = front;
        await Promise.resolve();
      }),
    );

    await test.within(() => replacing());

    expect(console.log).toBe(front);
    expect(console.info).toBe(own[1]);
  });

  it("is asked of the innermost object that says something", async () => {
    const seen: boolean[] = [];
    const look = (): void => {
      const run = currentFrame()?.run;
      if (run !== undefined) seen.push(printsToLog(run));
    };
    const inner = task({ name: "inner" }, look);
    const off = flow({ name: "off", logPrints: false }, async () => {
      look();
      await inner();
    });
    const on = flow({ name: "on", logPrints: true }, async () => {
      look();
      await inner();
      await off();
    });

    await test.within(() => on());
    await test.within(() => inner());

    expect(seen).toEqual([true, true, false, false, false]);
  });
});
