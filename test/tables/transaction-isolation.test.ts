import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { SystemExit } from "../../src/engine/interruption.ts";
import { flow } from "../../src/flow.ts";
import { type Hub, openHub, withHub } from "../../src/hub.ts";
import { task } from "../../src/task.ts";
import { transaction } from "../../src/transactions/run-transaction.ts";
import type { IsolationLevel, Transaction } from "../../src/transactions/transaction.ts";
import type { AnyFlow, RunOptions } from "../../src/engine/definition.ts";
import type { ResultServices } from "../../src/results/result-services.ts";
import { MemoryLocks, MemoryRecords } from "../support/memory-records.ts";
import { openWired, type Wired } from "../support/wired.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let wired: Wired;
/** The same store, opened a second time, as another process has it. */
let other: Hub;
beforeEach(async () => {
  wired = await openWired();
  other = await openHub(loadConfig({ flags: { home: wired.home, keychain: "off" }, env: {} }));
});
afterEach(async () => {
  await other[Symbol.asyncDispose]();
  await wired[Symbol.asyncDispose]();
});

const store = () => wired.hub.results.open(null, null).store;
const isFree = async (key: string): Promise<boolean> => {
  const { locks } = other.results.open(null, null).store;
  if (locks === null) throw new Error("the store has locks");
  await locks.acquire(key, "test", { timeoutMs: 1 });
  await locks.release(key, "test");
  return true;
};

/** Two flows, one per opening, that work under one key; the second begins while the block of the first goes on. */
async function race(first: IsolationLevel, second: IsolationLevel, overwrite: readonly [boolean, boolean]) {
  const seen: string[] = [];
  const entered = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const block = async (name: string, txn: Transaction, meanwhile: () => unknown): Promise<void> => {
    const found = txn.isCommitted() ? ` ${String((await txn.read())?.value)}` : "";
    seen.push(`${name} ${txn.state}${found}`);
    await meanwhile();
    txn.stage(name);
  };
  const write = (name: string, isolationLevel: IsolationLevel, replaces: boolean, meanwhile: () => unknown) =>
    flow({ name }, () =>
      transaction({ key: "k", isolationLevel, overwrite: replaces }, (txn) => block(name, txn, meanwhile)),
    );
  const one = wired.within(() =>
    write("first", first, overwrite[0], async () => {
      entered.resolve();
      await asked.promise;
    })(),
  );
  await entered.promise;
  const two = withHub(other, () =>
    write("second", second, overwrite[1], () => {
      asked.resolve();
      return one;
    })(),
  );
  // One that waits for the lock never gets to its block, so the first goes on without it.
  if (second === "SERIALIZABLE" || !overwrite[1]) {
    for (let turns = 0; turns < 20; turns += 1) await turn();
    asked.resolve();
  }
  await Promise.all([one, two]);
  return { seen, kept: (await store().read("k"))?.value };
}

describe("two transactions under one key", () => {
  it("READ_COMMITTED both work, and the last writer wins", async () => {
    expect(await race("READ_COMMITTED", "READ_COMMITTED", [true, true])).toEqual({
      seen: ["first ACTIVE", "second ACTIVE"],
      kept: "second",
    });
  });

  it("SERIALIZABLE take turns: the second waits, finds the record, and does not overwrite it", async () => {
    expect(await race("SERIALIZABLE", "SERIALIZABLE", [false, false])).toEqual({
      seen: ["first ACTIVE", "second COMMITTED first"],
      kept: "first",
    });
  });

  it("let a reader wait for the writer", async () => {
    await store().write("k", { value: "old", expiresAtMs: null });

    expect(await race("SERIALIZABLE", "READ_COMMITTED", [true, false])).toEqual({
      seen: ["first ACTIVE", "second COMMITTED first"],
      kept: "first",
    });
  });
});

describe("the lock of a SERIALIZABLE transaction", () => {
  const serial = <T>(body: (txn: Transaction) => T | Promise<T>): Promise<T> =>
    wired.within(() =>
      flow({ name: "serial" }, () => transaction({ key: "k", isolationLevel: "SERIALIZABLE" }, body))(),
    ) as Promise<T>;

  it("is given back on commit, on rollback, and when a hook fails", async () => {
    const boom = new Error("boom");
    await serial((txn) => txn.rollback());
    expect(await isFree("k")).toBe(true);
    await serial(() => Promise.reject(boom)).catch(() => undefined);
    expect(await isFree("k")).toBe(true);
    await serial((txn) => txn.stage(1, { onCommitHooks: [() => Promise.reject(boom)] }));
    expect(await isFree("k")).toBe(true);
    await serial((txn) => txn.stage(1));
    expect(await isFree("k")).toBe(true);
    expect(await store().read("k")).toEqual({ value: 1, expiresAtMs: null });
  });

  it("is given back when the flow crashes in it", async () => {
    const run = serial(() =>
      task({ name: "exits" }, () => {
        throw new SystemExit("enough");
      })(),
    );

    await expect(run).rejects.toBeInstanceOf(SystemExit);
    expect(await isFree("k")).toBe(true);
  });

  it("covers the tasks in it by their own keys, each attempt anew", async () => {
    let attempts = 0;
    const flaky = task({ name: "flaky", retries: 1, resultStorageKey: "of the task" }, () => {
      attempts += 1;
      if (attempts === 1) throw new Error("again");
      return attempts;
    });

    await serial(async () => {
      await flaky();
      await expect(isFree("of the task")).rejects.toMatchObject({ code: "lock_timeout" });
    });

    expect(await isFree("of the task")).toBe(true);
    expect(await store().read("of the task")).toEqual({ value: 2, expiresAtMs: null });
  });
});

describe("waiting for a lock", () => {
  const reason = new Error("stop");
  let locks: MemoryLocks;
  let records: MemoryRecords;
  let ran: string[];
  beforeEach(async () => {
    locks = new MemoryLocks();
    records = new MemoryRecords(locks);
    ran = [];
    await locks.acquire("k", "somebody");
  });

  /** Interrupts the flow while it waits, then gives the lock back. @returns what it threw */
  async function interrupted(waits: AnyFlow & { run(args: [], options: RunOptions): Promise<unknown> }) {
    const opened = { store: records, storage: "store", serializerType: "json" };
    const results: ResultServices = { ...wired.hub.results, open: () => opened };
    const hub: Hub = { ...wired.hub, results, engine: { ...wired.hub.engine, results } };
    const controller = new AbortController();
    const run = withHub(hub, () => waits.run([], { signal: controller.signal }));
    while (locks.waiting === 0) await turn();
    controller.abort(reason);
    const thrown: unknown = await run.catch((error: unknown) => error);
    await turn();
    expect(locks.waiting).toBe(0);
    await locks.release("k", "somebody");
    await turn();
    expect(ran).toEqual([]);
    expect(locks.held).toEqual([]);
    return thrown;
  }

  it("ends when the flow is interrupted, and the block does not run", async () => {
    const waits = flow({ name: "waits" }, () =>
      transaction({ key: "k", isolationLevel: "SERIALIZABLE" }, () => void ran.push("block")),
    );

    expect(await interrupted(waits)).toBe(reason);
  });

  it("ends when the flow around a task is interrupted, and the task crashes without running", async () => {
    const work = task({ name: "work", resultStorageKey: "k" }, () => void ran.push("body"));

    const waits = flow({ name: "task-waits" }, () => transaction({ isolationLevel: "SERIALIZABLE" }, () => work()));

    expect(await interrupted(waits)).toBe(reason);

    await wired.hub.engine.runs.flush();
    expect(await wired.history("task-waits", "work")).toEqual(["Pending", "Running", "Crashed"]);
  });
});

describe("code that was given up", () => {
  it("begins no transaction", async () => {
    const go = Promise.withResolvers<void>();
    const late = Promise.withResolvers<unknown>();
    const ran: string[] = [];
    const slow = flow({ name: "given-up", timeoutSeconds: 0.01 }, async () => {
      await go.promise;
      await transaction(() => void ran.push("block")).then(late.resolve, late.resolve);
    });

    await expect(wired.within(() => slow())).rejects.toMatchObject({ code: "run_timeout" });
    go.resolve();
    expect(await late.promise).toMatchObject({ code: "run_over" });
    expect(ran).toEqual([]);
  });
});
