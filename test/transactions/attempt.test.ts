import { AsyncLocalStorage } from "node:async_hooks";
import { beforeEach, describe, expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import type { OpenTransaction } from "../../src/transactions/open-transaction.ts";
import type { StagedHook } from "../../src/transactions/staged-hook.ts";
import { getTransaction } from "../../src/transactions/run-transaction.ts";
import { Kit } from "./kit.ts";

const BOOM = new Error("boom");

let kit: Kit;
let transaction: Kit["transaction"];
beforeEach(() => {
  kit = new Kit();
  ({ transaction } = kit);
});

const internal = (name: string): StagedHook => ({ name, log: false, call: () => void kit.ran.push(name) });

/** As a task that succeeds stages: the engine's own hook before the task's. */
function stageAsTask(txn: OpenTransaction, name: string): void {
  txn.stage(name, {
    onCommitHooks: [kit.hook(`commit ${name}`)],
    onRollbackHooks: [internal(`RolledBack ${name}`), kit.hook(`undo ${name}`)],
  });
}

describe("an attempt of a task", () => {
  it("waits for nothing when it has no key and no hooks", () => {
    const txn = kit.open();
    expect(txn.begin()).toBeUndefined();
    expect(txn.within(() => getTransaction())).toBe(txn);
    txn.stage(1);

    expect(txn.close()).toBeUndefined();
    expect(txn.isCommitted()).toBe(true);
  });

  it("waits for nothing when it throws and has nothing inside", () => {
    const txn = kit.open();
    void txn.begin();

    expect(txn.fail({ propagate: true })).toBeUndefined();
    expect(txn.isRolledBack()).toBe(true);
  });

  it("waits for nothing when the transaction around it takes it over", async () => {
    await transaction(async (outer) => {
      const txn = kit.open();
      await txn.begin();
      stageAsTask(txn, "a");

      expect(txn.close()).toBeUndefined();
      expect(txn.isStaged()).toBe(true);
      expect(outer.children).toEqual([txn]);
    });
  });

  it("is the parent of attempts that are opened inside it", async () => {
    const txn = kit.open();
    await txn.begin();
    const inner = txn.within(() => kit.open());

    expect(inner.getParent()).toBe(txn);
  });

  it("commits at its end when there is no transaction around it", async () => {
    const txn = kit.open();
    await txn.begin();
    stageAsTask(txn, "a");
    await txn.close();

    expect(kit.ran).toEqual(["commit a"]);
  });

  it("has nothing staged when a record was found, so that neither kind of hook runs", async () => {
    kit.records.records.set("k", { value: 1, expiresAtMs: null });
    const txn = kit.open({ key: "k", records: kit.records });
    await txn.begin();
    stageAsTask(txn, "a");
    await txn.close();

    expect(txn.found?.value).toBe(1);
    expect(kit.ran).toEqual([]);
  });
});

describe("trap 14: a task that fails", () => {
  it("does not run its own rollback hooks, but those of the siblings that were staged, last first", async () => {
    const work = transaction(async () => {
      await kit.task("a");
      await kit.task("b");
      await kit.failingTask(BOOM);
    });

    await expect(work).rejects.toBe(BOOM);
    expect(kit.ran).toEqual(["undo b", "undo a"]);
  });

  it("calls the engine's own hook after those of the task, without a line in the log", async () => {
    await transaction(async (outer) => {
      const txn = kit.open({ name: "a" });
      await txn.begin();
      stageAsTask(txn, "a");
      await txn.close();
      await outer.rollback();
    });

    expect(kit.ran).toEqual(["undo a", "RolledBack a"]);
    expect(kit.lines.map(({ fields }) => fields["hook"])).toEqual(["undo a", "undo a"]);
  });
});

describe("trap 15: onCommit", () => {
  it("runs when the outermost lazy transaction commits and not when the task ends", async () => {
    await transaction(async () => {
      await transaction(async () => void (await kit.task("a")));
      expect(kit.ran).toEqual([]);
    });

    expect(kit.ran).toEqual(["commit a"]);
  });
});

describe("trap 16: the result of a task", () => {
  it("appears under its key when the outermost transaction commits", async () => {
    const store = { key: "r", records: kit.records };
    await transaction(async () => {
      await kit.task("a", {}, store);
      expect(await kit.records.exists("r")).toBe(false);
    });

    expect(await kit.records.read("r")).toEqual({ value: "a", expiresAtMs: null });
  });

  it("never appears when the transaction is rolled back", async () => {
    const work = transaction(async () => {
      await kit.task("a", {}, { key: "r", records: kit.records });
      throw BOOM;
    });

    await expect(work).rejects.toBe(BOOM);
    expect(kit.records.written).toEqual([]);
  });
});

describe("D7: an attempt that is retried", () => {
  it("rolls back nothing around it, and all is committed when the retry succeeds", async () => {
    await transaction(async (outer) => {
      await kit.task("early");
      await kit.failingTask(BOOM, { propagate: false }).catch(() => undefined);
      expect(outer.isActive()).toBe(true);
      await kit.task("retried");
      await kit.task("later");
    });

    expect(kit.ran).toEqual(["commit early", "commit retried", "commit later"]);
  });

  it("undoes what was staged inside the attempt itself", async () => {
    await transaction(async (outer) => {
      const attempt = kit.open({ name: "attempt" });
      await attempt.begin();
      await attempt.within(() => kit.task("subtask"));
      await attempt.fail({ propagate: false });
      expect(outer.isActive()).toBe(true);
    });

    expect(kit.ran).toEqual(["undo subtask"]);
  });

  it("gives its lock back before the next attempt", async () => {
    const options = { key: "k", records: kit.records, isolationLevel: "SERIALIZABLE" } as const;
    const first = kit.open(options);
    await first.begin();
    await first.fail({ propagate: false });
    expect(kit.locks.held).toEqual([]);

    await kit.task("second", {}, options);

    expect(kit.records.written).toEqual(["k"]);
  });

  it("rolls everything back when the last attempt fails too", async () => {
    const work = transaction(async () => {
      await kit.task("early");
      await kit.failingTask(BOOM, { propagate: false }).catch(() => undefined);
      await kit.failingTask(BOOM);
    });

    await expect(work).rejects.toBe(BOOM);
    expect(kit.ran).toEqual(["undo early"]);
  });
});

describe("hooks", () => {
  it("get the transaction of their task, whether they wait or not", async () => {
    const seen: unknown[] = [];
    const inner = await transaction(async () => {
      const txn = kit.open({ name: "a" });
      await txn.begin();
      txn.stage(1, {
        onCommitHooks: [
          (own) => seen.push(own),
          async (own) => {
            await Promise.resolve();
            seen.push(own);
          },
        ],
      });
      await txn.close();
      return txn;
    });

    expect(seen).toEqual([inner, inner]);
  });

  it("run in the context of the run that staged them, when another one ends the transaction", async () => {
    const run = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await run.run("flow", () =>
      transaction(async () => {
        const txn = kit.open();
        await run.run("task", async () => {
          await txn.begin();
          txn.stage(1, {
            onCommitHooks: [
              async () => {
                await Promise.resolve();
                seen.push(run.getStore());
              },
            ],
          });
        });
        await txn.close();
      }),
    );

    expect(seen).toEqual(["task"]);
  });

  it("are logged when they start, finish and fail, with their kind and name", async () => {
    const txn = kit.open({ name: "t" });
    await txn.begin();
    txn.stage(1, {
      onCommitHooks: [kit.hook("good"), kit.hook("bound bad", BOOM)],
      onRollbackHooks: [{ name: "named", log: true, call: () => undefined }],
    });
    await txn.close();

    const lines = kit.lines.filter(({ message }) => message.startsWith("transaction hook"));
    expect(lines.map(({ level, message, fields }) => [level, message, fields["kind"], fields["hook"]])).toEqual([
      ["info", "transaction hook started", "commit", "good"],
      ["info", "transaction hook finished", "commit", "good"],
      ["info", "transaction hook started", "commit", "bad"],
      ["error", "transaction hook failed", "commit", "bad"],
      ["info", "transaction hook started", "rollback", "named"],
      ["info", "transaction hook finished", "rollback", "named"],
    ]);
    expect(lines[3]?.fields).toMatchObject({ transaction: "t", error: { name: "Error", message: "boom" } });
  });

  it("that fail do so without showing a secret", async () => {
    registerSecret("hunter2-hunter2");
    await transaction(async (txn) => {
      txn.stage(1, { onCommitHooks: [kit.hook("bad", new Error("password hunter2-hunter2"))] });
    });

    expect(JSON.stringify(kit.lines)).not.toContain("hunter2-hunter2");
  });

  it("may throw anything", async () => {
    const odd: unknown = Object.create(null);
    const txn = await transaction(async (txn) => {
      txn.stage(1, {
        onCommitHooks: [
          () => {
            throw odd;
          },
        ],
      });
      return txn;
    });

    expect(txn.isRolledBack()).toBe(true);
  });

  it("of several calls of stage add up", async () => {
    await transaction(async (txn) => {
      txn.stage(1, { onCommitHooks: [kit.hook("one")] });
      txn.stage(2, { onCommitHooks: [kit.hook("two")] });
    });

    expect(kit.ran).toEqual(["one", "two"]);
  });

  it("that start work of their own leave it alone when the transaction is undone", async () => {
    let cleaning: OpenTransaction | undefined;
    const clean = async (): Promise<void> => {
      cleaning = await kit.task("cleaning");
    };
    await transaction(async (txn) => {
      txn.stage(1, { onRollbackHooks: [clean] });
      await txn.rollback();
    });

    expect(cleaning?.getParent()).toBeNull();
    expect(kit.ran).toEqual(["commit cleaning"]);
  });
});

describe("an attempt that is abandoned", () => {
  it("runs no hook, gives its lock back, and leaves the transaction around it alone", async () => {
    await transaction({ isolationLevel: "SERIALIZABLE" }, async (outer) => {
      const txn = kit.open({ key: "k", records: kit.records });
      await txn.begin();
      await txn.within(() => kit.task("inner", {}, { key: "i", records: kit.records }));
      stageAsTask(txn, "a");
      expect(kit.locks.held).toEqual(["k", "i"]);

      await txn.abandon();

      expect(kit.locks.held).toEqual([]);
      expect([txn.state, ...txn.children.map(({ state }) => state)]).toEqual(["ROLLED_BACK", "ROLLED_BACK"]);
      expect(outer.isActive()).toBe(true);
    });

    expect(kit.ran).toEqual([]);
  });

  it("waits for nothing when it holds no lock, and does nothing to one that has ended", async () => {
    const txn = kit.open();
    void txn.begin();
    expect(txn.abandon()).toBeUndefined();

    const committed = await kit.task("a");
    expect(committed.abandon()).toBeUndefined();
    expect(committed.isCommitted()).toBe(true);
  });

  it("drops what code that went on stages later", async () => {
    const txn = kit.open();
    void txn.begin();
    void txn.abandon();
    stageAsTask(txn, "late");
    await txn.close();

    expect(txn.isRolledBack()).toBe(true);
    expect(kit.ran).toEqual([]);
  });
});
