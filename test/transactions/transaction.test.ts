import { beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { getTransaction, runTransaction } from "../../src/transactions/run-transaction.ts";
import type { Transaction, TransactionState } from "../../src/transactions/transaction.ts";
import { coded } from "../support/coded.ts";
import { Kit } from "./kit.ts";

let kit: Kit;
let transaction: Kit["transaction"];
beforeEach(() => {
  kit = new Kit();
  ({ transaction } = kit);
});

const inside = (): Transaction => {
  const txn = getTransaction();
  if (txn === null) throw new Error("no transaction here");
  return txn;
};

describe("transaction()", () => {
  it("gives back what its block returns", async () => {
    const value = await transaction(async () => 42);

    expect(value).toBe(42);
    expectTypeOf(value).toEqualTypeOf<number>();
  });

  it("takes a block that does not wait", async () => {
    expect(await transaction({ commitMode: "EAGER" }, (txn) => txn.state)).toBe("ACTIVE");
  });

  it("goes from ACTIVE to COMMITTED when its block ends", async () => {
    const txn = await transaction(async (txn) => {
      expect(txn.isActive()).toBe(true);
      return txn;
    });

    expect(txn.state).toBe("COMMITTED");
  });

  it("rolls back and throws the same error when its block throws", async () => {
    const error = new RangeError("foo");
    let txn: Transaction | undefined;

    await expect(
      transaction(async (opened) => {
        txn = opened;
        throw error;
      }),
    ).rejects.toBe(error);

    expect(txn?.isRolledBack()).toBe(true);
  });

  it("rolls back when what has interrupted the run was swallowed in the block", async () => {
    const interruption = new Error("stop");
    let isInterrupted = false;
    const checkBoundary = (): void => {
      if (isInterrupted) throw interruption;
    };
    const stage = async (txn: Transaction) => {
      txn.stage("x", { onRollbackHooks: [kit.hook("undo")] });
      isInterrupted = true;
    };

    await expect(runTransaction({ ...kit, checkBoundary }, {}, stage)).rejects.toBe(interruption);

    expect(kit.ran).toEqual(["undo"]);
  });

  it("does not begin where the run was interrupted before, nor run its block when that happened meanwhile", async () => {
    const interruption = new Error("stop");
    let calls = 0;
    const interruptedAt = (call: number) => (): void => {
      calls += 1;
      if (calls >= call) throw interruption;
    };
    const block = (): void => void kit.ran.push("block");
    const options = { key: "k", isolationLevel: "SERIALIZABLE" } as const;

    await expect(runTransaction({ ...kit, checkBoundary: interruptedAt(1) }, options, block)).rejects.toBe(
      interruption,
    );
    calls = 0;
    await expect(runTransaction({ ...kit, checkBoundary: interruptedAt(2) }, options, block)).rejects.toBe(
      interruption,
    );

    expect(kit.ran).toEqual([]);
    expect(kit.locks.held).toEqual([]);
  });
});

describe("getTransaction()", () => {
  it("is null outside of all transactions", () => {
    expect(getTransaction()).toBeNull();
  });

  it("is the innermost one, and the outer one again after the inner block", async () => {
    await transaction(async (outer) => {
      expect(getTransaction()).toBe(outer);
      await transaction(async (inner) => {
        await Promise.resolve();
        expect(getTransaction()).toBe(inner);
      });
      expect(getTransaction()).toBe(outer);
    });
    expect(getTransaction()).toBeNull();
  });

  it("is restored after a block that throws", async () => {
    await transaction(async (outer) => {
      await transaction(async () => {
        throw new Error("foo");
      }).catch(() => undefined);
      expect(getTransaction()).toBe(outer);
    });
  });

  it("differs between blocks that run at the same time", async () => {
    const inOwnBlock = () =>
      transaction(async (txn) => {
        await Promise.resolve();
        return getTransaction() === txn;
      });

    expect(await Promise.all([inOwnBlock(), inOwnBlock(), inOwnBlock()])).toEqual([true, true, true]);
  });

  it("is null in a hook, so that work which a hook starts is not undone with the transaction", async () => {
    let seen: Transaction | null | undefined;
    await transaction(async (txn) => {
      txn.stage(1, { onCommitHooks: [() => (seen = getTransaction())] });
    });

    expect(seen).toBeNull();
  });
});

describe("entering a transaction again", () => {
  it("is an error", async () => {
    const txn = kit.open({ key: "k" });
    await txn.begin();

    const error = txn.within(() => coded(() => txn.within(() => 1)));

    expect(error).toMatchObject({ code: "transaction_reentered", details: { transaction: "k" } });
  });

  it("is an error also after its block", async () => {
    const txn = kit.open();
    await txn.begin();
    txn.within(() => 1);
    await txn.close();

    expect(coded(() => txn.within(() => 1)).code).toBe("transaction_reentered");
    expect(coded(() => void txn.begin()).code).toBe("transaction_reentered");
  });
});

describe("getParent()", () => {
  it("is null for an outermost transaction", async () => {
    await transaction(async (txn) => expect(txn.getParent()).toBeNull());
  });

  it("is the transaction around it, also when that one has a key and children", async () => {
    await transaction({ key: "outer" }, async (outer) => {
      await transaction({ key: "inner" }, async (inner) => expect(inner.getParent()).toBe(outer));
      expect(outer.getParent()).toBeNull();
    });
  });

  it("works in a rollback hook that runs after the block has ended", async () => {
    const seen: unknown[] = [];
    let outer: Transaction | undefined;

    await transaction(async (txn) => {
      outer = txn;
      await transaction(async (inner) => {
        inner.stage("foo", { onRollbackHooks: [(own) => seen.push(own.getParent())] });
      });
      await transaction(async () => {
        throw new Error("trouble");
      });
    }).catch(() => undefined);

    expect(seen).toEqual([outer]);
  });
});

describe("the predicates", () => {
  const answers = (txn: Transaction) => ({
    PENDING: txn.isPending(),
    ACTIVE: txn.isActive(),
    STAGED: txn.isStaged(),
    COMMITTED: txn.isCommitted(),
    ROLLED_BACK: txn.isRolledBack(),
  });
  const bring: Record<TransactionState, () => Promise<Transaction>> = {
    PENDING: async () => kit.open(),
    ACTIVE: async () => {
      const txn = kit.open();
      await txn.begin();
      return txn;
    },
    STAGED: async () => {
      const txn = kit.open();
      await txn.begin();
      txn.stage(1);
      return txn;
    },
    COMMITTED: async () => transaction(async (txn) => txn),
    ROLLED_BACK: async () => transaction({ commitMode: "OFF" }, async (txn) => txn),
  };

  it.each(Object.keys(bring) as TransactionState[])("answer by the state %s", async (state) => {
    const txn = await bring[state]();

    expect(txn.state).toBe(state);
    const trueOnes = Object.entries(answers(txn)).filter(([, answer]) => answer);
    expect(trueOnes).toEqual([[state, true]]);
  });
});

describe("values", () => {
  it("are what was set", async () => {
    await transaction({ key: "test" }, async (txn) => {
      txn.set("x", 42);
      expect(txn.get("x")).toBe(42);
    });
  });

  it("come from the transaction around, until the inner one sets its own", async () => {
    await transaction(async (outer) => {
      outer.set("key", 42);
      await transaction(async (inner) => {
        expect(inner.get("key")).toBe(42);
        inner.set("key", "text");
        expect(inner.get("key")).toBe("text");
        expect(outer.get("key")).toBe(42);
      });
      expect(outer.get("key")).toBe(42);
    });
  });

  it("are copies, so that a change to one changes no transaction", async () => {
    await transaction(async (outer) => {
      outer.set("key", { x: [42] });
      await transaction(async (inner) => {
        const value = inner.get<{ x: number[] }>("key");
        value.x.push(43);
        inner.set("key", value);
        expect(inner.get("key")).toEqual({ x: [42, 43] });
        expect(outer.get("key")).toEqual({ x: [42] });
      });
    });
  });

  it("may be set on the outer transaction after the inner one was opened", async () => {
    await transaction(async (outer) => {
      await transaction(async () => {
        outer.set("list", [1, 2, 3]);
        inside().get<number[]>("list").push(4);
        expect(inside().get("list")).toEqual([1, 2, 3]);
      });
    });
  });

  it("that are not known are an error, which names them", async () => {
    await transaction(async (txn) => {
      expect(coded(() => txn.get("foobar"))).toMatchObject({
        code: "transaction_value_unknown",
        details: { name: "foobar" },
      });
    });
  });

  it.each([{ fallback: undefined }, { fallback: null }, { fallback: "text" }])(
    "that are not known give the fallback $fallback",
    async ({ fallback }) => {
      await transaction(async (txn) => expect(txn.get("foobar", fallback)).toBe(fallback));
    },
  );

  it("that were set to undefined are known", async () => {
    await transaction(async (txn) => {
      txn.set("x", undefined);
      expect(txn.get("x", "fallback")).toBeUndefined();
    });
  });

  it("can still be read in hooks", async () => {
    let seen: unknown;
    await transaction(async (outer) => {
      outer.set("path", "/tmp/x");
      await transaction(async (inner) => inner.stage(1, { onCommitHooks: [(txn) => (seen = txn.get("path"))] }));
    });

    expect(seen).toBe("/tmp/x");
  });
});
