import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OpenTransaction } from "../../src/transactions/open-transaction.ts";
import {
  COMMIT_MODES,
  type CommitMode,
  ISOLATION_LEVELS,
  type IsolationLevel,
} from "../../src/transactions/transaction.ts";
import { Kit } from "./kit.ts";

interface Node {
  readonly commitMode: CommitMode | undefined;
  readonly isolationLevel: IsolationLevel | undefined;
  readonly key: string | null;
  readonly children: readonly Node[];
  /** Children run at the same time. */
  readonly isParallel: boolean;
  /** What the block does besides. */
  readonly act: "nothing" | "commit" | "rollback" | "both";
  readonly ends: "normally" | "throws" | "retried";
  /** One for each hook: it throws. */
  readonly commit: readonly boolean[];
  readonly rollback: readonly boolean[];
  /** Turns of the event loop that hooks and block take. */
  readonly turns: number;
}

/** @param depth How many transactions stand inside each other at most. */
const nodes = (keys: readonly string[], depth: number): fc.Arbitrary<Node> =>
  fc.record({
    commitMode: fc.option(fc.constantFrom(...COMMIT_MODES), { nil: undefined }),
    isolationLevel: fc.option(fc.constantFrom(...ISOLATION_LEVELS), { nil: undefined }),
    key: fc.option(fc.constantFrom(...keys), { nil: null }),
    children: depth === 1 ? fc.constant([]) : fc.array(nodes(keys, depth - 1), { maxLength: 3 }),
    isParallel: fc.boolean(),
    act: fc.constantFrom("nothing", "nothing", "nothing", "commit", "rollback", "both"),
    ends: fc.constantFrom("normally", "normally", "normally", "throws", "retried"),
    commit: fc.array(fc.boolean(), { maxLength: 2 }),
    rollback: fc.array(fc.boolean(), { maxLength: 3 }),
    turns: fc.integer({ min: 0, max: 3 }),
  });

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
};

/** Runs a tree as the engine runs tasks in tasks, and notes each hook that starts. */
class Forest {
  readonly kit = new Kit();
  readonly staged: { readonly txn: OpenTransaction; readonly id: number; readonly node: Node }[] = [];
  readonly ran: { readonly id: number; readonly kind: "commit" | "rollback"; readonly index: number }[] = [];
  #ids = 0;

  async run(node: Node): Promise<void> {
    const id = this.#ids++;
    const { key, commitMode, isolationLevel } = node;
    const records = key === null ? null : this.kit.records;
    const txn = this.kit.open({ key, records, commitMode, isolationLevel });
    await txn.begin();
    await txn.within(() => this.#block(node));
    const isOver = txn.isCommitted();
    txn.stage(id, {
      onCommitHooks: this.#hooks(id, node, "commit"),
      onRollbackHooks: this.#hooks(id, node, "rollback"),
    });
    if (!isOver) this.staged.push({ txn, id, node });
    // A floating commit, while the rollback asks for its turn.
    if (node.act === "commit" || node.act === "both") void txn.commit();
    if (node.act === "both") expect(await txn.rollback()).toBe(false);
    if (node.act === "rollback") await txn.rollback();
    if (node.ends === "normally") await txn.close();
    else await txn.fail({ propagate: node.ends === "throws" });
  }

  async #block({ children, isParallel, turns: count }: Node): Promise<void> {
    await turns(count);
    if (isParallel) await Promise.all(children.map((child) => this.run(child)));
    else for (const child of children) await this.run(child);
  }

  #hooks(id: number, node: Node, kind: "commit" | "rollback") {
    return node[kind].map((fails, index) => async (): Promise<void> => {
      this.ran.push({ id, kind, index });
      await turns(node.turns);
      if (fails) throw new Error(`${kind} ${id}.${index}`);
    });
  }
}

async function grow(roots: readonly Node[]): Promise<Forest> {
  const forest = new Forest();
  await Promise.all(roots.map((root) => forest.run(root)));
  return forest;
}

/** Indexes of the hooks of one transaction and kind, as they ran. */
const indexes = (forest: Forest, id: number, kind: "commit" | "rollback"): number[] =>
  forest.ran.filter((one) => one.id === id && one.kind === kind).map(({ index }) => index);

/** Trees side by side share one key: with two they could wait for each other, which only a time limit ends. */
const forests = fc.oneof(
  fc.array(nodes(["k", "l"], 4), { minLength: 1, maxLength: 1 }),
  fc.array(nodes(["k"], 3), { minLength: 2, maxLength: 3 }),
);

const check = (property: (forest: Forest) => void): Promise<void> =>
  fc.assert(
    fc.asyncProperty(forests, async (roots) => {
      property(await grow(roots));
    }),
    { numRuns: 60 },
  );

describe("any trees of transactions, run side by side", () => {
  it("leave every staged transaction COMMITTED or ROLLED_BACK", async () => {
    await check(({ staged }) => {
      expect(staged.filter(({ txn }) => !txn.isCommitted() && !txn.isRolledBack())).toEqual([]);
    });
  });

  it("run each hook once or not at all", async () => {
    await check(({ ran }) => {
      const names = ran.map(({ id, kind, index }) => `${kind} ${id}.${index}`);
      expect(new Set(names).size).toBe(names.length);
    });
  });

  it("run all rollback hooks in reverse when rolled back, and none when committed", async () => {
    await check((forest) => {
      for (const { txn, id, node } of forest.staged) {
        const all = node.rollback.map((_, index) => index).toReversed();
        expect(indexes(forest, id, "rollback")).toEqual(txn.isRolledBack() ? all : []);
      }
    });
  });

  it("run all commit hooks in order when committed, and none after one that failed", async () => {
    await check((forest) => {
      for (const { txn, id, node } of forest.staged) {
        const started = indexes(forest, id, "commit");
        expect(started).toEqual(node.commit.map((_, index) => index).slice(0, started.length));
        if (txn.isCommitted()) expect(started).toHaveLength(node.commit.length);
        expect(started.slice(0, -1).every((index) => node.commit[index] === false)).toBe(true);
      }
    });
  });

  it("leave no lock held and nobody waiting", async () => {
    await check(({ kit }) => {
      expect({ held: kit.locks.held, waiting: kit.locks.waiting }).toEqual({ held: [], waiting: 0 });
    });
  });

  it("leave a record only where a transaction was committed", async () => {
    await check(({ kit, staged }) => {
      for (const [key, { value }] of kit.records.records) {
        const writer = staged.find(({ id }) => id === value);
        expect(writer?.txn).toMatchObject({ key, state: "COMMITTED" });
      }
    });
  });
});
