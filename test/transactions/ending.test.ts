import { beforeEach, describe, expect, it } from "vitest";
import type { CommitMode, Transaction } from "../../src/transactions/transaction.ts";
import { MemoryRecords } from "../support/memory-records.ts";
import { Kit } from "./kit.ts";

const BOOM = new Error("boom");

let kit: Kit;
let transaction: Kit["transaction"];
beforeEach(() => {
  kit = new Kit();
  ({ transaction } = kit);
});

const caught = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

describe("begin", () => {
  it("is LAZY and READ_COMMITTED unless somebody says otherwise", async () => {
    const { commitMode, isolationLevel } = await transaction(async (txn) => txn);

    expect({ commitMode, isolationLevel }).toEqual({ commitMode: "LAZY", isolationLevel: "READ_COMMITTED" });
  });

  it("takes commit mode and isolation level from the transaction around it", async () => {
    await transaction({ commitMode: "EAGER", isolationLevel: "SERIALIZABLE" }, async () => {
      await transaction(async (inner) => {
        expect([inner.commitMode, inner.isolationLevel]).toEqual(["EAGER", "SERIALIZABLE"]);
      });
    });
  });

  it("prefers its own commit mode and isolation level", async () => {
    await transaction({ commitMode: "EAGER", isolationLevel: "SERIALIZABLE" }, async () => {
      await transaction({ commitMode: "OFF", isolationLevel: "READ_COMMITTED" }, async (inner) => {
        expect([inner.commitMode, inner.isolationLevel]).toEqual(["OFF", "READ_COMMITTED"]);
      });
    });
  });

  it("is committed at once when there is a record under its key", async () => {
    kit.records.records.set("k", { value: "old", expiresAtMs: null });

    const txn = await transaction({ key: "k" }, async (txn) => {
      expect(txn.isCommitted()).toBe(true);
      txn.stage("new", { onCommitHooks: [kit.hook("commit")], onRollbackHooks: [kit.hook("undo")] });
      return txn;
    });

    expect(txn.isCommitted()).toBe(true);
    expect(await txn.read()).toEqual({ value: "old", expiresAtMs: null });
    expect(kit.ran).toEqual([]);
  });

  it("tells the engine what was found", async () => {
    kit.records.records.set("k", { value: null, expiresAtMs: 5 });
    const txn = kit.open({ key: "k", records: kit.records });

    await txn.begin();

    expect(txn.isCommitted()).toBe(true);
    expect(txn.found).toEqual({ value: null, expiresAtMs: 5 });
  });

  it("ignores the record when it may overwrite", async () => {
    kit.records.records.set("k", { value: "old", expiresAtMs: null });

    await transaction({ key: "k", overwrite: true }, async (txn) => {
      expect(txn.isActive()).toBe(true);
      txn.stage("new");
    });

    expect(kit.records.records.get("k")?.value).toBe("new");
  });

  it("runs the block when a record exists that cannot be read", async () => {
    kit.records.exists = async () => true;

    expect(await transaction({ key: "k" }, async (txn) => txn.state)).toBe("ACTIVE");
  });

  it("that fails does not run the block and concerns no other transaction", async () => {
    await transaction(async (outer) => {
      kit.records.failure = BOOM;
      expect(await caught(transaction({ key: "k" }, () => kit.ran.push("block")))).toBe(BOOM);
      kit.records.failure = null;
      expect(outer.isActive()).toBe(true);
    });

    expect(kit.ran).toEqual([]);
  });
});

describe("a block that ends normally", () => {
  it("LAZY, outermost: commits", async () => {
    expect((await transaction(async (txn) => txn)).isCommitted()).toBe(true);
  });

  it("LAZY, inside another: leaves it to the outermost one", async () => {
    let inner: Transaction | undefined;
    const outer = await transaction({ key: "outer" }, async (outer) => {
      inner = await transaction({ key: "inner" }, async (txn) => txn);
      expect(inner.isCommitted()).toBe(false);
      expect(outer.children).toEqual([inner]);
      return outer;
    });

    expect(outer.isCommitted()).toBe(true);
    expect(inner?.isCommitted()).toBe(true);
  });

  it.each(["EAGER", "LAZY"] as CommitMode[])("EAGER inside %s: commits now", async (commitMode) => {
    await transaction({ commitMode }, async (outer) => {
      const inner = await transaction({ commitMode: "EAGER" }, async (txn) => txn);
      expect(inner.isCommitted()).toBe(true);
      expect(outer.isCommitted()).toBe(false);
      expect(outer.children).toEqual([inner]);
    });
  });

  it("OFF, outermost: rolls back, with everything inside", async () => {
    const txn = await transaction({ commitMode: "OFF" }, async (txn) => {
      await kit.task("a");
      return txn;
    });

    expect(txn.isRolledBack()).toBe(true);
    expect(kit.ran).toEqual(["undo a"]);
  });

  it("OFF, committed by hand: stays committed", async () => {
    const txn = await transaction({ commitMode: "OFF" }, async (txn) => {
      await kit.task("a");
      expect(await txn.commit()).toBe(true);
      return txn;
    });

    expect(txn.isCommitted()).toBe(true);
    expect(kit.ran).toEqual(["commit a"]);
  });

  it("OFF, inside another: the other one decides", async () => {
    const inner = await transaction(() => transaction({ commitMode: "OFF" }, async (txn) => txn));

    expect(inner.isCommitted()).toBe(true);
  });

  it("after a commit by hand, commits at once what still arrives", async () => {
    await transaction(async (txn) => {
      await txn.commit();
      expect((await kit.task("late")).isCommitted()).toBe(true);
    });

    expect(kit.ran).toEqual(["commit late"]);
  });

  it("waits for a commit that was begun by hand", async () => {
    const txn = await transaction(async (txn) => {
      txn.stage(1, { onCommitHooks: [async () => new Promise((resolve) => setImmediate(resolve))] });
      void txn.commit();
      return txn;
    });

    expect(txn.isCommitted()).toBe(true);
  });
});

describe("a block that throws", () => {
  it("undoes what was staged, last first", async () => {
    const work = transaction(async () => {
      await kit.task("a");
      await kit.task("b");
      throw BOOM;
    });

    expect(await caught(work)).toBe(BOOM);
    expect(kit.ran).toEqual(["undo b", "undo a"]);
  });

  it("rolls back every transaction around it", async () => {
    const outer = await transaction(async (outer) => {
      await kit.task("a");
      await transaction(async (inner) => {
        await kit.task("b");
        await caught(transaction(async () => Promise.reject(BOOM)));
        expect(inner.isRolledBack()).toBe(true);
        expect(kit.ran).toEqual(["undo b"]);
      });
      return outer;
    });

    expect(outer.isRolledBack()).toBe(true);
    expect(kit.ran).toEqual(["undo b", "undo a"]);
  });

  it("waits until all is undone before it throws", async () => {
    await caught(
      transaction(async (txn) => {
        const undo = async (): Promise<void> => {
          await new Promise((resolve) => setImmediate(resolve));
          kit.ran.push("undone");
        };
        txn.stage(1, { onRollbackHooks: [undo] });
        throw BOOM;
      }),
    );

    expect(kit.ran).toEqual(["undone"]);
  });

  it("leaves alone what is committed", async () => {
    await caught(
      transaction(async () => {
        await kit.task("eager", {}, { commitMode: "EAGER" });
        await kit.task("lazy");
        throw BOOM;
      }),
    );

    expect(kit.ran).toEqual(["commit eager", "undo lazy"]);
  });
});

describe("commit", () => {
  it("takes children in order, then its own hooks in order, then the record, and only then is it COMMITTED", async () => {
    const seen: unknown[] = [];
    const note = (what: string) => (txn: Transaction) => seen.push([what, txn.state, kit.records.written.length]);

    const txn = await transaction({ key: "k" }, async (txn) => {
      txn.stage(1, { onCommitHooks: [note("first")] });
      txn.stage(2, { onCommitHooks: [note("second")] });
      await kit.task("a");
      await kit.task("b");
      return txn;
    });

    expect(kit.ran).toEqual(["commit a", "commit b"]);
    expect(seen).toEqual([
      ["first", "STAGED", 0],
      ["second", "STAGED", 0],
    ]);
    expect(kit.records.records.get("k")).toEqual({ value: 2, expiresAtMs: null });
    expect(txn.isCommitted()).toBe(true);
  });

  it("has its children's hooks run before its own", async () => {
    await transaction(async (txn) => {
      txn.stage(1, { onCommitHooks: [kit.hook("own")] });
      await kit.task("child");
    });

    expect(kit.ran).toEqual(["commit child", "own"]);
  });

  it("writes an empty record when nothing was staged, so that the work counts as done", async () => {
    await transaction({ key: "k" }, async () => undefined);

    expect(await transaction({ key: "k" }, async (txn) => txn.isCommitted())).toBe(true);
    expect(kit.records.records.get("k")).toEqual({ value: undefined, expiresAtMs: null });
  });

  it("writes with the expiry that was staged", async () => {
    await transaction({ key: "k" }, async (txn) => txn.stage(1, { expiresAtMs: 99 }));

    expect(kit.records.records.get("k")?.expiresAtMs).toBe(99);
  });

  it("writes to the store that was given", async () => {
    const store = new MemoryRecords();

    await transaction({ key: "k", store }, async (txn) => txn.stage(1));

    expect([store.written, kit.records.written]).toEqual([["k"], []]);
  });

  it.each([
    { when: "without a key", options: {} },
    { when: "with writeOnCommit false", options: { key: "k", writeOnCommit: false } },
  ])("writes nothing $when", async ({ options }) => {
    const txn = await transaction(options, async (txn) => {
      txn.stage(1);
      return txn;
    });

    expect(txn.isCommitted()).toBe(true);
    expect(kit.records.written).toEqual([]);
  });

  it("writes results of tasks at the end of the outermost transaction and not when the task ends", async () => {
    await transaction(async () => {
      await kit.task("a", {}, { key: "a", records: kit.records });
      expect(kit.records.written).toEqual([]);
      expect(kit.ran).toEqual([]);
    });

    expect(kit.records.written).toEqual(["a"]);
    expect(kit.ran).toEqual(["commit a"]);
  });

  it("that fails in a hook is logged, rolls this transaction back, and throws nothing", async () => {
    const txn = await transaction({ key: "k" }, async (txn) => {
      txn.stage(1, {
        onCommitHooks: [kit.hook("good"), kit.hook("bad", BOOM), kit.hook("never")],
        onRollbackHooks: [kit.hook("undo")],
      });
      return txn;
    });

    expect(txn.isRolledBack()).toBe(true);
    expect(kit.ran).toEqual(["good", "bad", "undo"]);
    expect(kit.records.written).toEqual([]);
    expect(kit.messages("error")).toEqual([
      "transaction hook failed",
      "the transaction could not be committed, so it is rolled back",
    ]);
  });

  it("that fails to write is logged, rolls this transaction back, and throws nothing", async () => {
    const txn = await transaction({ key: "k" }, async (txn) => {
      txn.stage(1, { onRollbackHooks: [kit.hook("undo")] });
      kit.records.failure = BOOM;
      expect(await txn.commit()).toBe(false);
      return txn;
    });

    expect(txn.isRolledBack()).toBe(true);
    expect(kit.ran).toEqual(["undo"]);
    expect(kit.lines.find(({ level }) => level === "error")).toMatchObject({
      message: "the transaction could not be committed, so it is rolled back",
      fields: { transaction: "k", error: { message: "boom" } },
    });
  });

  it("is false for a transaction that is committed or rolled back already", async () => {
    const committed = await transaction(async (txn) => txn);
    const rolledBack = await transaction({ commitMode: "OFF" }, async (txn) => txn);

    expect([await committed.commit(), await rolledBack.commit()]).toEqual([false, false]);
    expect([committed.state, rolledBack.state]).toEqual(["COMMITTED", "ROLLED_BACK"]);
  });

  it("asked for by one of its own hooks is refused, and so is a rollback", async () => {
    const answers: boolean[] = [];
    const txn = await transaction(async (txn) => {
      const again = async (own: Transaction): Promise<void> => {
        answers.push(await own.commit(), await own.rollback());
      };
      txn.stage(1, { onCommitHooks: [again], onRollbackHooks: [kit.hook("undo")] });
      return txn;
    });

    expect(answers).toEqual([false, false]);
    expect(txn.isCommitted()).toBe(true);
    expect(kit.ran).toEqual([]);
  });
});

describe("a child whose commit fails", () => {
  it("is rolled back alone, and the parent says so in its log", async () => {
    const outer = await transaction({ key: "parent" }, async (outer) => {
      await kit.task("a");
      await kit.task("b", { commit: BOOM });
      await kit.task("c");
      return outer;
    });

    expect(outer.isCommitted()).toBe(true);
    expect(outer.children.map((child) => child.state)).toEqual(["COMMITTED", "ROLLED_BACK", "COMMITTED"]);
    expect(kit.ran).toEqual(["commit a", "commit b", "undo b", "commit c"]);
    expect(kit.records.written).toEqual(["parent"]);
    expect(kit.lines).toContainEqual({
      level: "error",
      message: "a transaction inside this one could not be committed",
      fields: { transaction: "parent", child: "b" },
    });
  });

  it("keeps what has been committed inside it", async () => {
    await transaction(async () => {
      await transaction(async (middle) => {
        await kit.task("inner");
        middle.stage(1, { onCommitHooks: [kit.hook("bad", BOOM)] });
      });
    });

    expect(kit.ran).toEqual(["commit inner", "bad"]);
  });

  it("concerns the parent no more when it commits on its own", async () => {
    await transaction(async (outer) => {
      await kit.task("a", { commit: BOOM }, { commitMode: "EAGER" });
      expect(outer.isActive()).toBe(true);
    });

    expect(kit.messages("error")).toContain("a transaction inside this one could not be committed");
  });
});

describe("rollback", () => {
  it("runs its own hooks in reverse, is ROLLED_BACK, then takes its children in reverse", async () => {
    const seen: string[] = [];
    await transaction(async (txn) => {
      await kit.task("a");
      const inner = await transaction(async (inner) => {
        inner.stage(1, { onRollbackHooks: [() => kit.ran.push("undo inner"), () => seen.push(txn.state)] });
        return inner;
      });
      expect(inner.isStaged()).toBe(true);
      txn.stage(1, { onRollbackHooks: [kit.hook("one"), (own) => seen.push(own.state), kit.hook("three")] });
      expect(await txn.rollback()).toBe(true);
    });

    expect(kit.ran).toEqual(["three", "one", "undo inner", "undo a"]);
    expect(seen).toEqual(["STAGED", "ROLLED_BACK"]);
  });

  it("by hand stays when the block ends", async () => {
    const txn = await transaction(async (txn) => {
      expect(await txn.rollback()).toBe(true);
      return txn;
    });

    expect(txn.isRolledBack()).toBe(true);
  });

  it("by hand inside another one rolls back the others as their blocks end", async () => {
    const outer = await transaction(async (outer) => {
      await transaction(async (inner) => {
        await transaction(async (nested) => void (await nested.rollback()));
        expect(inner.isRolledBack()).toBe(true);
        expect(outer.isRolledBack()).toBe(false);
      });
      expect(outer.isRolledBack()).toBe(true);
      return outer;
    });

    expect(outer.isRolledBack()).toBe(true);
  });

  it("skips children that are committed", async () => {
    await transaction(async (txn) => {
      await (await kit.task("a")).commit();
      await kit.task("b");
      expect(await txn.rollback()).toBe(true);
    });

    expect(kit.ran).toEqual(["commit a", "undo b"]);
  });

  it("D8: a hook that fails is logged with its name, and everything else is undone", async () => {
    const txn = await transaction(async (txn) => {
      await kit.task("a");
      await kit.task("b", { rollback: BOOM });
      txn.stage(1, { onRollbackHooks: [kit.hook("own 1"), kit.hook("own 2", BOOM), kit.hook("own 3")] });
      expect(await txn.rollback()).toBe(false);
      return txn;
    });

    expect(kit.ran).toEqual(["own 3", "own 2", "own 1", "undo b", "undo a"]);
    expect([txn, ...txn.children].map(({ state }) => state)).toEqual(Array(3).fill("ROLLED_BACK"));
    const failed = kit.lines.filter(({ level }) => level === "error");
    expect(failed.map(({ fields }) => fields["hook"])).toEqual(["own 2", "undo b"]);
  });

  it("is false for a transaction that is committed or rolled back already, and runs no hook twice", async () => {
    const txn = await transaction(async (txn) => {
      txn.stage(1, { onRollbackHooks: [kit.hook("undo")] });
      expect(await Promise.all([txn.rollback(), txn.rollback()])).toEqual([true, false]);
      return txn;
    });

    expect(await txn.rollback()).toBe(false);
    expect(kit.ran).toEqual(["undo"]);
  });
});

describe("D9: work that ends under a transaction that was rolled back", () => {
  it("is rolled back when its block ends, with a warning", async () => {
    await transaction(async (outer) => {
      await outer.rollback();
      expect((await kit.task("late")).isRolledBack()).toBe(true);
    });

    expect(kit.ran).toEqual(["undo late"]);
    expect(kit.messages("warn")).toHaveLength(1);
  });

  it("is rolled back also when it ran at the same time as what failed", async () => {
    const release = Promise.withResolvers<undefined>();
    const work = transaction(async (outer) => {
      await kit.task("early");
      const slow = transaction(async (inner) => {
        inner.stage(1, { onRollbackHooks: [kit.hook("undo slow")] });
        await release.promise;
      });
      await caught(transaction(async () => Promise.reject(BOOM)));
      expect(outer.isRolledBack()).toBe(true);
      expect(kit.ran).toEqual(["undo early"]);
      release.resolve(undefined);
      await slow;
    });
    await work;

    expect(kit.ran).toEqual(["undo early", "undo slow"]);
  });

  it("is rolled back when it ends after the outermost block", async () => {
    const release = Promise.withResolvers<undefined>();
    let slow: Promise<Transaction> | undefined;
    await caught(
      transaction(async () => {
        slow = transaction(async (inner) => {
          inner.stage(1, { onRollbackHooks: [kit.hook("undo slow")] });
          await release.promise;
          return inner;
        });
        throw BOOM;
      }),
    );
    release.resolve(undefined);

    expect((await slow)?.isRolledBack()).toBe(true);
    expect(kit.ran).toEqual(["undo slow"]);
  });

  it("is rolled back when it ends while the rollback is under way", async () => {
    const outer = await transaction(async (outer) => {
      const late = kit.open({ name: "late" });
      await late.begin();
      late.stage(1, { onRollbackHooks: [kit.hook("undo late")] });
      outer.stage(1, { onRollbackHooks: [async () => late.close()] });
      await outer.rollback();
      return outer;
    });

    expect(outer.children.map(({ state }) => state)).toEqual(["ROLLED_BACK"]);
    expect(kit.ran).toEqual(["undo late"]);
  });

  it("is committed with it when it ends while the commit is under way", async () => {
    const outer = await transaction(async (outer) => {
      const late = kit.open({ name: "late" });
      await late.begin();
      late.stage(1, { onCommitHooks: [kit.hook("commit late")] });
      outer.stage(1, { onCommitHooks: [async () => late.close()] });
      return outer;
    });

    expect(outer.children.map(({ state }) => state)).toEqual(["COMMITTED"]);
    expect(kit.ran).toEqual(["commit late"]);
  });

  it("is undone too when it was staged in the very transaction that was rolled back", async () => {
    await transaction(async (txn) => {
      await txn.rollback();
      txn.stage(1, { onCommitHooks: [kit.hook("commit")], onRollbackHooks: [kit.hook("undo")] });
      expect(txn.isRolledBack()).toBe(true);
    });

    expect(kit.ran).toEqual(["undo"]);
    expect(kit.messages("warn")).toHaveLength(1);
  });
});
