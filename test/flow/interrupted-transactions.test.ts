import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SystemExit } from "../../src/engine/interruption.ts";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";
import { transaction } from "../../src/transactions/run-transaction.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openRuns } from "../support/runs.ts";

let clock: ManualClock;
let test: Awaited<ReturnType<typeof openRuns>>;
let told: string[];
beforeEach(async () => {
  clock = new ManualClock();
  told = [];
  test = await openRuns({}, { clock });
});
afterEach(() => test[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => test.within(fn);
const tell = (what: string): void => void told.push(what);

const write = task(
  {
    name: "write",
    onRollback: [
      async () => {
        await Promise.resolve();
        tell("undone");
      },
    ],
    onCommit: [() => tell("kept")],
  },
  () => 1,
);
const waits = task({ name: "waits" }, () => new Promise<never>(() => undefined));

/** Waits for nothing of ours, and would do so for ever. */
async function stuck(): Promise<void> {
  tell("waiting");
  await new Promise<never>(() => undefined);
}

const until = (what: string): Promise<void> => clock.until(() => told.includes(what));

describe("a transaction whose block cannot be stopped", () => {
  it("is undone before the run around it is Crashed, and its hooks run", async () => {
    const aborter = new AbortController();
    const book = flow({ name: "book", onCrashed: [() => tell("onCrashed")] }, () =>
      transaction(async () => {
        await write();
        await stuck();
      }),
    );

    const run = within(() => book.run([], { signal: aborter.signal }));
    await until("waiting");
    aborter.abort(new Error("enough"));

    await expect(run).rejects.toThrow("enough");
    expect(told).toEqual(["waiting", "undone", "onCrashed"]);
    expect((await test.stored.taskRuns("book")).map(({ state }) => state.name)).toEqual(["RolledBack"]);
  });

  it("is undone from the inside out", async () => {
    const aborter = new AbortController();
    const undo = (name: string) => write.withOptions({ onRollback: [() => tell(name)] });
    const book = flow({ name: "book" }, () =>
      transaction(async () => {
        await undo("outer")();
        await transaction(async () => {
          await undo("inner")();
          await stuck();
        });
      }),
    );

    const run = within(() => book.run([], { signal: aborter.signal }));
    await until("waiting");
    aborter.abort(new Error("enough"));

    await expect(run).rejects.toThrow("enough");
    expect(told).toEqual(["waiting", "inner", "outer"]);
  });

  it("is undone before the next attempt when its attempt took too long", async () => {
    let attempts = 0;
    const book = flow({ name: "book", timeoutSeconds: 1, retries: 1 }, () =>
      transaction(async () => {
        await write();
        attempts += 1;
        if (attempts === 1) await stuck();
        else tell("again");
      }),
    );

    const run = within(() => book());
    await until("waiting");
    await clock.advance(1_000);

    await run;
    expect(told).toEqual(["waiting", "undone", "again", "kept"]);
  });

  it("is undone in a task as in a flow", async () => {
    const book = task({ name: "book", timeoutSeconds: 1, onFailure: [() => tell("onFailure")] }, () =>
      transaction(async () => {
        await write();
        await stuck();
      }),
    );

    const run = within(() => flow({ name: "around" }, () => book.run([], { returnState: true }).then(String))());
    await until("waiting");
    await clock.advance(1_000);

    expect(await run).toMatch(/^TimedOut/);
    expect(told).toEqual(["waiting", "undone", "onFailure"]);
  });

  it("stays as it is when it has ended", async () => {
    const aborter = new AbortController();
    const book = flow({ name: "book", onCrashed: [() => tell("onCrashed")] }, async () => {
      await transaction(() => write());
      await stuck();
    });

    const run = within(() => book.run([], { signal: aborter.signal }));
    await until("waiting");
    aborter.abort(new Error("enough"));

    await expect(run).rejects.toThrow("enough");
    expect(told).toEqual(["kept", "waiting", "onCrashed"]);
  });
});

describe("a transaction whose block waits for a run", () => {
  it("has been undone when the hooks of the flow run, however it was interrupted", async () => {
    const aborter = new AbortController();
    const book = flow({ name: "book", onCrashed: [() => tell("onCrashed")] }, () =>
      transaction(async () => {
        await write();
        tell("waiting");
        await waits();
      }),
    );

    const run = within(() => book.run([], { signal: aborter.signal }));
    await until("waiting");
    aborter.abort(new Error("enough"));

    await expect(run).rejects.toThrow("enough");
    expect(told).toEqual(["waiting", "undone", "onCrashed"]);
  });

  it("is undone once when a task in it exits", async () => {
    const exits = task({ name: "exits" }, () => {
      throw new SystemExit("bye");
    });
    const book = flow({ name: "book", onCrashed: [() => tell("onCrashed")] }, () =>
      transaction(async () => {
        await write();
        await exits();
      }),
    );

    await expect(within(() => book())).rejects.toThrow("bye");
    expect(told).toEqual(["undone", "onCrashed"]);
  });
});
