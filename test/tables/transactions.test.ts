import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runtime } from "../../src/engine/runtime.ts";
import { getRunContext } from "../../src/engine/run-context.ts";
import { SystemExit } from "../../src/engine/interruption.ts";
import { flow } from "../../src/flow.ts";
import type { RecordStore } from "../../src/results/record-store.ts";
import { Completed, Failed } from "../../src/states/constructors.ts";
import type { State } from "../../src/states/state.ts";
import { task, type TaskOptions } from "../../src/task.ts";
import { getTransaction, transaction } from "../../src/transactions/run-transaction.ts";
import type { Transaction } from "../../src/transactions/transaction.ts";
import { MemoryRecords } from "../support/memory-records.ts";
import { openWired, type Wired } from "../support/wired.ts";

// The rules of transactions, with tasks, the engine and the store as they are put together.

let wired: Wired;
/** What ran, in order. */
let ran: string[] = [];
beforeEach(async () => {
  wired = await openWired();
  ran = [];
});
afterEach(() => wired[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => wired.within(fn);

/** A task that notes that it ran, and so do its hooks. */
const step = (name: string, options: TaskOptions = {}) =>
  task(
    {
      onCommit: [Object.defineProperty(() => void ran.push(`commit ${name}`), "name", { value: `commit_${name}` })],
      onRollback: [Object.defineProperty(() => void ran.push(`undo ${name}`), "name", { value: `undo_${name}` })],
      ...options,
      name,
    },
    async () => {
      ran.push(name);
      return `value of ${name}`;
    },
  );

const boom = new Error("boom");
const failing = (name = "failing", options: TaskOptions = {}) =>
  task(
    {
      onRollback: [() => void ran.push(`undo ${name}`)],
      onCommit: [() => void ran.push(`commit ${name}`)],
      ...options,
      name,
    },
    async () => {
      ran.push(name);
      throw boom;
    },
  );

const inFlow = (name: string, body: () => unknown): Promise<unknown> =>
  within(() => flow({ name }, async () => body())());

const stored = (key: string): Promise<unknown> => wired.hub.results.open(null, null).store.read(key);

describe("a transaction begins", () => {
  it("LAZY and READ_COMMITTED, and hands both down to the transactions of tasks", async () => {
    const seen: unknown[] = [];
    const look = task({ name: "look" }, async () => {
      const own = getTransaction();
      seen.push([own?.commitMode, own?.isolationLevel]);
    });

    await inFlow("begins", async () => {
      await transaction(() => look());
      await transaction({ commitMode: "OFF", isolationLevel: "SERIALIZABLE" }, () => look());
      await transaction({ commitMode: "EAGER" }, () => transaction({ commitMode: "LAZY" }, () => look()));
    });

    expect(seen).toEqual([
      ["LAZY", "READ_COMMITTED"],
      ["OFF", "SERIALIZABLE"],
      ["LAZY", "READ_COMMITTED"],
    ]);
  });

  it("around each task run, as a child of the innermost one, and gives the outer one back", async () => {
    const seen: unknown[] = [];
    const look = task({ name: "look" }, async () => getTransaction());

    await inFlow("parents", async () => {
      seen.push(getTransaction());
      await transaction(async (outer) => {
        const own = await look();
        seen.push(own?.getParent() === outer, outer.children.includes(own ?? outer), getTransaction() === outer);
        await transaction(async (inner) => {
          seen.push(inner.getParent() === outer, (await look())?.getParent() === inner);
        });
        seen.push(getTransaction() === outer);
      });
      seen.push(getTransaction());
    });

    expect(seen).toEqual([null, true, true, true, true, true, true, null]);
  });

  it("committed when its key has a record, unless it may overwrite", async () => {
    const states: unknown[] = [];
    const write = (value: string, overwrite: boolean) =>
      transaction({ key: "daily", overwrite }, (txn) => {
        states.push(txn.state);
        txn.stage(value);
      });

    await inFlow("keyed", async () => {
      await write("one", false);
      await write("two", false);
      states.push(await stored("daily"));
      await write("three", true);
      states.push(await stored("daily"));
    });

    expect(states).toEqual([
      "ACTIVE",
      "COMMITTED",
      { value: "one", expiresAtMs: null },
      "ACTIVE",
      { value: "three", expiresAtMs: null },
    ]);
  });

  it("SERIALIZABLE only with a store that has locks", async () => {
    const lockless: RecordStore = new MemoryRecords(null);

    await expect(
      inFlow("lockless", () =>
        transaction({ key: "k", store: lockless, isolationLevel: "SERIALIZABLE" }, () => ran.push("block")),
      ),
    ).rejects.toMatchObject({ code: "isolation_unsupported" });
    expect(ran).toEqual([]);
  });
});

describe("a block that ends", () => {
  it("commits when it is the outermost one, tasks first and in order", async () => {
    await inFlow("commits", () =>
      transaction(async () => {
        await step("a")();
        await step("b")();
        ran.push("end of block");
      }),
    );

    expect(ran).toEqual(["a", "b", "end of block", "commit a", "commit b"]);
    expect(await wired.history("commits", "a")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("leaves it to the outermost one when there is one around", async () => {
    await inFlow("nested", () =>
      transaction(async () => {
        await transaction(() => step("inner")());
        ran.push("after inner");
      }),
    );

    expect(ran).toEqual(["inner", "after inner", "commit inner"]);
  });

  it("EAGER commits at once, also inside another one", async () => {
    await inFlow("eager", () =>
      transaction(async () => {
        await transaction({ commitMode: "EAGER" }, () => step("inner")());
        ran.push("after inner");
      }),
    );

    expect(ran).toEqual(["inner", "commit inner", "after inner"]);
  });

  it("OFF rolls back unless it was committed by hand", async () => {
    await inFlow("off", async () => {
      await transaction({ commitMode: "OFF" }, () => step("dropped")());
      await transaction({ commitMode: "OFF" }, async (txn) => {
        await step("kept")();
        await txn.commit();
      });
    });

    expect(ran).toEqual(["dropped", "undo dropped", "kept", "commit kept"]);
    expect(await wired.history("off", "dropped")).toEqual(["Pending", "Running", "Completed", "RolledBack"]);
    expect(await wired.history("off", "kept")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("commits the transaction of a task that has none around it when the task ends", async () => {
    await inFlow("alone", async () => {
      await step("a")();
      ran.push("after a");
    });

    expect(ran).toEqual(["a", "commit a", "after a"]);
  });

  it("commits what tasks outside of all flows did", async () => {
    await within(() =>
      transaction(async () => {
        await step("a")();
        ran.push("end of block");
      }),
    );

    expect(ran).toEqual(["a", "end of block", "commit a"]);
  });

  it("commits submitted tasks too, and those that end after it when they end", async () => {
    const go = Promise.withResolvers<void>();
    const slow = task({ name: "slow", onCommit: [() => void ran.push("commit slow")] }, () => go.promise);

    await inFlow("submitted", async () => {
      await transaction(async () => {
        const future = step("a").submit();
        slow.submit();
        await future.wait();
        ran.push("end of block");
      });
      ran.push("after block");
      go.resolve();
    });

    expect(ran).toEqual(["a", "end of block", "commit a", "after block", "commit slow"]);
  });
});

describe("a block that throws", () => {
  it("undoes its tasks in reverse order, and rethrows the same error", async () => {
    const run = inFlow("throws", () =>
      transaction(async () => {
        await step("a")();
        await step("b")();
        throw boom;
      }),
    );

    await expect(run).rejects.toBe(boom);
    expect(ran).toEqual(["a", "b", "undo b", "undo a"]);
    expect(await wired.history("throws", "a")).toEqual(["Pending", "Running", "Completed", "RolledBack"]);
    expect((await wired.taskRuns("throws")).map(({ state }) => [state.type, state.name])).toEqual([
      ["COMPLETED", "RolledBack"],
      ["COMPLETED", "RolledBack"],
    ]);
  });

  it("undoes the transactions around it too, although their blocks swallow the error", async () => {
    const states: string[] = [];

    await inFlow("propagates", () =>
      transaction(async (outermost) => {
        await step("a")();
        await transaction(async (middle) => {
          await transaction(() => Promise.reject(boom)).catch(() => undefined);
          states.push(middle.state);
        });
        states.push(outermost.state);
      }),
    );

    expect(states).toEqual(["ROLLED_BACK", "ROLLED_BACK"]);
    expect(ran).toEqual(["a", "undo a"]);
  });

  it("is undone when the flow crashes, too", async () => {
    const run = inFlow("crashes", () =>
      transaction(async () => {
        await step("a")();
        await task({ name: "exits" }, () => {
          throw new SystemExit("enough");
        })();
      }),
    );

    await expect(run).rejects.toBeInstanceOf(SystemExit);
    await wired.hub.engine.runs.flush();
    expect(ran).toEqual(["a", "undo a"]);
    expect(await wired.history("crashes", "a")).toContain("RolledBack");
  });

  it("is undone by a timeout of the flow, at the next call in it", async () => {
    const go = Promise.withResolvers<void>();
    const undone = Promise.withResolvers<void>();
    const slow = flow({ name: "times-out", timeoutSeconds: 0.01 }, () =>
      transaction(async () => {
        await step("a", { onRollback: [() => undone.resolve()] })();
        await go.promise;
        await step("never")();
      }),
    );

    await expect(within(() => slow())).rejects.toMatchObject({ code: "run_timeout" });
    go.resolve();
    await undone.promise;
    expect(ran).toEqual(["a"]);
  });
});

describe("results of tasks", () => {
  const keyed = (name: string): TaskOptions => ({ resultStorageKey: `result of ${name}` });

  it("are written when the outermost transaction commits, not when the task ends", async () => {
    const seen: unknown[] = [];

    await inFlow("written", () =>
      transaction(async () => {
        await step("a", keyed("a"))();
        seen.push(await stored("result of a"));
      }),
    );

    expect(seen).toEqual([null]);
    expect(await stored("result of a")).toEqual({ value: "value of a", expiresAtMs: null });
  });

  it("are never written when it is rolled back, and the next run does the work again", async () => {
    const work = step("a", keyed("a"));
    await inFlow("dropped", () =>
      transaction(async () => {
        await work();
        throw boom;
      }),
    ).catch(() => undefined);

    expect(await stored("result of a")).toBeNull();
    await inFlow("dropped", () => work());
    expect(ran).toEqual(["a", "undo a", "a", "commit a"]);
  });

  it("are written after the commit hooks of the task", async () => {
    const seen: unknown[] = [];
    const onCommit = [async () => void seen.push(await stored("result of a"))];

    await inFlow("hooks-first", () => step("a", { ...keyed("a"), onCommit })());

    expect(seen).toEqual([null]);
    expect(await stored("result of a")).not.toBeNull();
  });

  it("are what a state handler made of them", async () => {
    const replaced = step("a", {
      ...keyed("a"),
      stateHandlers: [(_task, _from, to) => (to.isCompleted() ? Completed({ data: "from the handler" }) : to)],
    });

    await expect(inFlow("handled", () => replaced())).resolves.toBe("from the handler");
    expect(await stored("result of a")).toEqual({ value: "from the handler", expiresAtMs: null });
    await expect(inFlow("handled", () => replaced.withOptions({ stateHandlers: [] })())).resolves.toBe(
      "from the handler",
    );
  });

  it("are the data of a state that the body made by hand", async () => {
    const byHand = task({ name: "by-hand", ...keyed("by hand") }, () => Completed({ data: { rows: 5 } }));

    await inFlow("by-hand", async () => {
      await byHand();
    });

    expect(await stored("result of by hand")).toEqual({ value: { rows: 5 }, expiresAtMs: null });
  });
});

describe("a commit that fails", () => {
  const broken = new Error("broken hook");
  const fails = (name: string) =>
    step(name, {
      onCommit: [
        () => {
          ran.push(`commit ${name}`);
          throw broken;
        },
      ],
    });

  it("in a task's hook undoes that task only, is logged with the child's name, and throws nothing", async () => {
    await inFlow("child-fails", () =>
      transaction(async () => {
        await step("a")();
        await fails("b")();
        await step("c")();
      }),
    );

    expect(ran).toEqual(["a", "b", "c", "commit a", "commit b", "undo b", "commit c"]);
    expect(await wired.history("child-fails", "a")).toEqual(["Pending", "Running", "Completed"]);
    expect(await wired.history("child-fails", "b")).toEqual(["Pending", "Running", "Completed", "RolledBack"]);
    expect(await wired.history("child-fails", "c")).toEqual(["Pending", "Running", "Completed"]);
    const run = (await wired.taskRuns("child-fails")).find(({ taskName }) => taskName === "b");
    expect(wired.lines).toContainEqual({
      level: "error",
      message: "a transaction inside this one could not be committed",
      fields: { transaction: "(without a key)", child: run?.name },
    });
  });

  it("leaves the task run Completed for its caller, and the flow too", async () => {
    let state: State | undefined;
    const run = flow({ name: "still-completed" }, async () => {
      state = await fails("a").run([], { returnState: true });
      return state.result();
    });

    await expect(within(() => run())).resolves.toBe("value of a");
    expect(state?.name).toBe("Completed");
    expect(ran).toEqual(["a", "commit a", "undo a"]);
  });

  it("because the value cannot be kept undoes the task, and the run completes", async () => {
    const odd = step("odd", { persistResult: true });
    const keepsFunction = task(
      { name: "keeps-function", persistResult: true, onRollback: [() => void ran.push("undo")] },
      () => () => 1,
    );

    await inFlow("unkept", async () => {
      await odd();
      await keepsFunction();
    });

    expect(ran).toEqual(["odd", "commit odd", "undo"]);
    expect(await wired.history("unkept", "keeps-function")).toEqual(["Pending", "Running", "Completed", "RolledBack"]);
    expect(wired.messages("error")).toContain("the transaction could not be committed, so it is rolled back");
  });
});

describe("a rollback", () => {
  it("runs the hooks of a transaction in reverse, then those of the tasks in it in reverse", async () => {
    await inFlow("order", () =>
      transaction(async (txn) => {
        txn.stage(null, { onRollbackHooks: [() => void ran.push("own 1"), () => void ran.push("own 2")] });
        await step("a", { onRollback: [() => void ran.push("undo a 1"), () => void ran.push("undo a 2")] })();
        await step("b")();
        throw boom;
      }),
    ).catch(() => undefined);

    expect(ran).toEqual(["a", "b", "own 2", "own 1", "undo b", "undo a 2", "undo a 1"]);
  });

  it("skips what is committed", async () => {
    await inFlow("skips", () =>
      transaction(async () => {
        await transaction({ commitMode: "EAGER" }, () => step("kept")());
        await step("undone")();
        throw boom;
      }),
    ).catch(() => undefined);

    expect(ran).toEqual(["kept", "commit kept", "undone", "undo undone"]);
    expect(await wired.history("skips", "kept")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("D8: goes on after a hook that fails, which is logged with its name, and ends as ROLLED_BACK", async () => {
    const undo_badly = (): never => {
      throw new Error("cannot undo");
    };
    let seen: Transaction | undefined;
    let clean: boolean | undefined;

    await inFlow("D8", () =>
      transaction(async (txn) => {
        seen = txn;
        await step("a")();
        await step("b", { onRollback: [() => void ran.push("undo b"), undo_badly] })();
        clean = await txn.rollback();
      }),
    );

    expect([clean, seen?.state]).toEqual([false, "ROLLED_BACK"]);
    expect(ran).toEqual(["a", "b", "undo b", "undo a"]);
    expect(await wired.history("D8", "b")).toEqual(["Pending", "Running", "Completed", "RolledBack"]);
    expect(wired.lines).toContainEqual(
      expect.objectContaining({
        level: "error",
        message: "transaction hook failed",
        fields: expect.objectContaining({ kind: "rollback", hook: "undo_badly" }),
      }),
    );
  });

  it("D9: takes along tasks that end under a transaction which was rolled back, with a warning", async () => {
    await inFlow("D9", () =>
      transaction(async (txn) => {
        await txn.rollback();
        await step("late")();
      }),
    );

    expect(ran).toEqual(["late", "undo late"]);
    expect(await wired.history("D9", "late")).toEqual(["Pending", "Running", "Completed", "RolledBack"]);
    expect(wired.messages("warn")).toEqual([
      "the transaction around this one had been rolled back, so it is rolled back too",
    ]);
  });

  it("fires no hook for states, and the caller's state stays Completed", async () => {
    const fired: string[] = [];
    const hooks: TaskOptions = {
      onCompletion: [(_task, _run, state) => void fired.push(`completion ${state.name}`)],
      onFailure: [(_task, _run, state) => void fired.push(`failure ${state.name}`)],
    };
    let state: State | undefined;

    await inFlow("silent", () =>
      transaction(async (txn) => {
        state = await step("a", hooks).run([], { returnState: true });
        await txn.rollback();
      }),
    );

    expect(fired).toEqual(["completion Completed"]);
    expect(state?.name).toBe("Completed");
    expect((await wired.taskRuns("silent"))[0]?.state).toMatchObject({ type: "COMPLETED", name: "RolledBack" });
  });
});

describe("a task that fails", () => {
  it("before it staged anything does not run its own rollback hooks, but those of its siblings", async () => {
    await inFlow("fails", () =>
      transaction(async () => {
        await step("a")();
        await failing()();
      }),
    ).catch(() => undefined);

    expect(ran).toEqual(["a", "failing", "undo a"]);
    expect(await wired.history("fails", "failing")).toEqual(["Pending", "Running", "Failed"]);
  });

  it("rolls the transaction around it back although its error is swallowed", async () => {
    let seen: Transaction | undefined;

    await inFlow("swallowed", () =>
      transaction(async (txn) => {
        seen = txn;
        await step("a")();
        await failing()().catch(() => undefined);
        await step("late")();
      }),
    );

    expect(seen?.state).toBe("ROLLED_BACK");
    expect(ran).toEqual(["a", "failing", "undo a", "late", "undo late"]);
  });

  it("by returning a Failed state is staged and committed like any value, and its result is not kept for others", async () => {
    const gives = step("gives");
    const returnsFailed = task(
      {
        name: "returns-failed",
        resultStorageKey: "failed by hand",
        onCommit: [() => void ran.push("commit")],
        onRollback: [() => void ran.push("undo")],
      },
      () => {
        ran.push("body");
        return Failed({ message: "by hand" });
      },
    );

    await inFlow("returned", () =>
      transaction(async () => {
        await gives();
        await returnsFailed();
      }),
    );
    await inFlow("returned", async () => void (await returnsFailed()));

    expect(ran).toEqual(["gives", "body", "commit gives", "commit", "body", "commit"]);
    expect(await wired.history("returned", "returns-failed")).toEqual(["Pending", "Running", "Failed"]);
  });

  it("D7: in one attempt rolls nothing back when the next one succeeds, and all is committed", async () => {
    let attempts = 0;
    const flaky = task({ name: "flaky", retries: 1, onCommit: [() => void ran.push("commit flaky")] }, async () => {
      attempts += 1;
      await step(`inside ${attempts}`)();
      if (attempts === 1) throw boom;
    });

    await inFlow("D7", () =>
      transaction(async () => {
        await step("a")();
        await flaky();
        await step("b")();
      }),
    );

    expect(ran).toEqual([
      "a",
      "inside 1",
      "undo inside 1",
      "inside 2",
      "b",
      "commit a",
      "commit inside 2",
      "commit flaky",
      "commit b",
    ]);
    expect(await wired.history("D7", "flaky")).toEqual(["Pending", "Running", "Retrying", "Completed"]);
    expect(await wired.history("D7", "a")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("D7: in its last attempt rolls all back", async () => {
    await inFlow("D7-last", () =>
      transaction(async () => {
        await step("a")();
        await failing("failing", { retries: 1 })();
      }),
    ).catch(() => undefined);

    expect(ran).toEqual(["a", "failing", "failing", "undo a"]);
    expect(await wired.history("D7-last", "failing")).toEqual(["Pending", "Running", "Retrying", "Failed"]);
  });
});

describe("a cached task", () => {
  it("has nothing staged: neither kind of hook runs, and a rollback leaves it as it is", async () => {
    const work = step("a", { resultStorageKey: "kept" });
    await inFlow("cached", () => work());
    ran = [];

    await inFlow("cached", () =>
      transaction(async () => {
        await work();
        throw boom;
      }),
    ).catch(() => undefined);

    expect(ran).toEqual([]);
    expect(await wired.history("cached", "a")).toEqual(["Pending", "Running", "Cached"]);
  });
});

describe("hooks of a transaction", () => {
  it("receive the task's own transaction, sync and async, with its values and its parent", async () => {
    const seen: unknown[] = [];
    let parent: Transaction | undefined;
    const look =
      (kind: string) =>
      async (txn: Transaction): Promise<void> => {
        await Promise.resolve();
        seen.push([kind, txn.get("own"), txn.get("outer"), txn.getParent() === parent, txn.state]);
      };
    const work = task(
      {
        name: "work",
        onCommit: [look("commit"), (txn) => void seen.push(txn.get("own"))],
        onRollback: [look("rollback")],
      },
      async () => {
        getTransaction()?.set("own", { n: 1 });
      },
    );
    const block = (end: () => unknown) =>
      transaction(async (txn) => {
        parent = txn;
        await work();
        txn.set("outer", "late");
        end();
      });

    await inFlow("values", async () => {
      await block(() => undefined);
      await block(() => {
        throw boom;
      }).catch(() => undefined);
    });

    expect(seen).toEqual([
      ["commit", { n: 1 }, "late", true, "STAGED"],
      { n: 1 },
      ["rollback", { n: 1 }, "late", true, "STAGED"],
    ]);
  });

  it("run in the context of their task run", async () => {
    const seen: unknown[] = [];
    const note = () => void seen.push([runtime.taskRun.taskName, runtime.flowRun.flowName, getRunContext() !== null]);
    const work = task({ name: "work", onCommit: [note], onRollback: [note] }, () => undefined);

    await inFlow("context", async () => {
      await transaction(() => work());
      await transaction({ commitMode: "OFF" }, () => work());
    });

    expect(seen).toEqual([
      ["work", "context", true],
      ["work", "context", true],
    ]);
  });

  it("are logged when they start, finish and fail, with kind and name; the engine's own hook is not", async () => {
    const notify_team = (): void => undefined;
    const break_down = (): never => {
      throw boom;
    };
    await inFlow("logged", async () => {
      await step("a", { onCommit: [notify_team] })();
      await transaction({ commitMode: "OFF" }, () => step("b", { onRollback: [notify_team, break_down] })());
    });

    const lines = wired.lines
      .filter(({ message }) => message.startsWith("transaction hook"))
      .map(({ level, message, fields }) => [level, message, fields["kind"], fields["hook"]]);
    expect(lines).toEqual([
      ["info", "transaction hook started", "commit", "notify_team"],
      ["info", "transaction hook finished", "commit", "notify_team"],
      ["info", "transaction hook started", "rollback", "break_down"],
      ["error", "transaction hook failed", "rollback", "break_down"],
      ["info", "transaction hook started", "rollback", "notify_team"],
      ["info", "transaction hook finished", "rollback", "notify_team"],
    ]);
  });
});
