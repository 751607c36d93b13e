import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TransactionOptions } from "../../src/transactions/transaction.ts";
import { rejected } from "../support/coded.ts";
import { MemoryRecords } from "../support/memory-records.ts";
import { Kit } from "./kit.ts";

const SERIAL: TransactionOptions = { key: "k", isolationLevel: "SERIALIZABLE" };

let kit: Kit;
let transaction: Kit["transaction"];
beforeEach(() => {
  kit = new Kit();
  ({ transaction } = kit);
});
afterEach(() => {
  expect(kit.locks.held).toEqual([]);
  expect(kit.locks.waiting).toBe(0);
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const valueAt = (key: string): unknown => kit.records.records.get(key)?.value;

/** Stages a value and goes on only when told. */
function held(options: TransactionOptions, value: unknown) {
  const release = Promise.withResolvers<undefined>();
  const opened = Promise.withResolvers<undefined>();
  const done = transaction(options, async (txn) => {
    opened.resolve(undefined);
    txn.stage(value);
    await release.promise;
    return txn;
  });
  return { opened: opened.promise, release: () => release.resolve(undefined), done };
}

describe("SERIALIZABLE", () => {
  it("is a configuration error with a store that has no locks", async () => {
    const error = await rejected(transaction({ ...SERIAL, store: new MemoryRecords() }, () => kit.ran.push("block")));

    expect(error).toMatchObject({ code: "isolation_unsupported", name: "ConfigurationError" });
    expect(kit.ran).toEqual([]);
  });

  it("needs no locks where there is nothing to lock", async () => {
    const { isolationLevel } = SERIAL;
    const txn = await transaction({ isolationLevel: "SERIALIZABLE" }, async (txn) => {
      await kit.task("a");
      return txn;
    });

    expect([txn.isolationLevel, txn.state]).toEqual([isolationLevel, "COMMITTED"]);
  });

  it("takes the lock when it begins and gives it back when it commits", async () => {
    const txn = kit.open({ ...SERIAL, key: "k", records: kit.records });
    await txn.begin();
    expect(kit.locks.held).toEqual(["k"]);

    await txn.close();

    expect(kit.locks.held).toEqual([]);
  });

  it("gives the lock back when it rolls back", async () => {
    const work = transaction(SERIAL, async () => {
      expect(kit.locks.held).toEqual(["k"]);
      throw new Error("boom");
    });

    await expect(work).rejects.toThrow("boom");
  });

  it("gives the lock back when a hook fails, on both ways", async () => {
    const boom = new Error("boom");
    await transaction(SERIAL, async (txn) => {
      txn.stage(1, { onCommitHooks: [kit.hook("commit", boom)], onRollbackHooks: [kit.hook("undo", boom)] });
    });

    expect(kit.ran).toEqual(["commit", "undo"]);
  });

  it("gives the lock back when looking for the record fails", async () => {
    kit.records.failure = new Error("no disk");

    await expect(transaction(SERIAL, () => 1)).rejects.toThrow("no disk");
  });

  it("lets the second writer wait, find the record, and not overwrite it", async () => {
    const first = held(SERIAL, "first");
    await first.opened;
    const second = transaction(SERIAL, async (txn) => {
      expect(txn.isCommitted()).toBe(true);
      txn.stage("second");
    });
    await turn();
    expect(kit.locks.waiting).toBe(1);

    first.release();
    await Promise.all([first.done, second]);

    expect(valueAt("k")).toBe("first");
    expect(kit.records.written).toEqual(["k"]);
  });

  it("lets a reader wait for the writer", async () => {
    const writer = held(SERIAL, { foo: "bar" });
    await writer.opened;
    const reader = transaction({ key: "k", writeOnCommit: false }, async (txn) => txn.read());
    await turn();

    writer.release();

    expect(await reader).toEqual({ value: { foo: "bar" }, expiresAtMs: null });
    await writer.done;
  });

  it("lets a writer of the other level wait as well", async () => {
    const first = held(SERIAL, "first");
    await first.opened;
    const second = transaction({ key: "k" }, async (txn) => txn.stage("second"));
    await turn();
    expect(kit.records.written).toEqual([]);

    first.release();
    await Promise.all([first.done, second]);

    expect(valueAt("k")).toBe("second");
  });

  it("stops waiting for the lock when the signal is aborted", async () => {
    const first = held(SERIAL, "first");
    await first.opened;
    const controller = new AbortController();
    const second = kit.open({ ...SERIAL, key: "k", records: kit.records });
    const begun = second.begin(controller.signal);
    await turn();

    controller.abort(new Error("stopped"));

    await expect(begun).rejects.toThrow("stopped");
    expect(second.isRolledBack()).toBe(true);
    first.release();
    await first.done;
  });

  it("does not wait for a lock of a transaction around it", async () => {
    await transaction(SERIAL, async (outer) => {
      outer.stage("outer");
      await transaction(SERIAL, async (inner) => inner.stage("inner"));
    });

    expect(kit.records.written).toEqual(["k", "k"]);
    expect(valueAt("k")).toBe("outer");
  });

  it("does not wait for a sibling that commits only with their parent, and keeps the lock for both", async () => {
    const seen: unknown[] = [];
    await transaction({ isolationLevel: "SERIALIZABLE" }, async () => {
      await kit.task("a", {}, { key: "k", records: kit.records });
      const look = (): void => void seen.push(kit.locks.held);
      const second = kit.open({ key: "k", records: kit.records });
      await second.begin();
      second.stage("b", { onCommitHooks: [look] });
      await second.close();
    });

    expect(seen).toEqual([["k"]]);
    expect(valueAt("k")).toBe("b");
  });

  it("waits for a sibling that commits on its own", async () => {
    const states = await transaction({ commitMode: "EAGER", isolationLevel: "SERIALIZABLE" }, async () => {
      const first = held({ key: "k" }, "first");
      const second = held({ key: "k" }, "second");
      await first.opened;
      first.release();
      second.release();
      await Promise.all([first.done, second.done]);
      return kit.records.written;
    });

    expect(states).toEqual(["k"]);
    expect(valueAt("k")).toBe("first");
  });

  it("does not let two siblings wait for each other's second lock", async () => {
    await transaction({ commitMode: "EAGER", isolationLevel: "SERIALIZABLE" }, async () => {
      const both = Promise.withResolvers<undefined>();
      let opened = 0;
      const crossing = (first: string, second: string) =>
        transaction({ key: first }, async () => {
          opened += 1;
          if (opened === 2) both.resolve(undefined);
          await both.promise;
          await transaction({ key: second }, async (txn) => txn.stage(first));
        });
      await Promise.all([crossing("k", "l"), crossing("l", "k")]);
    });

    expect(new Set(kit.records.written)).toEqual(new Set(["k", "l"]));
  });

  it("logs a lock that cannot be given back, and commits all the same", async () => {
    const { release } = kit.locks;
    kit.locks.release = async (...given) => {
      await release.apply(kit.locks, given);
      throw new Error("no lock server");
    };

    const txn = await transaction(SERIAL, async (txn) => txn);

    expect(txn.isCommitted()).toBe(true);
    expect(kit.messages("error")).toEqual(["the lock of a transaction could not be given back"]);
  });
});

describe("READ_COMMITTED", () => {
  it("lets the last writer win", async () => {
    const first = held({ key: "k" }, "first");
    const second = held({ key: "k" }, "second");
    await Promise.all([first.opened, second.opened]);

    second.release();
    await second.done;
    first.release();
    await first.done;

    expect(kit.records.written).toEqual(["k", "k"]);
    expect(valueAt("k")).toBe("first");
  });
});
