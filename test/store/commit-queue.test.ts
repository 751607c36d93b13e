import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BellhopError, errorCode } from "../../src/base/errors.ts";
import type { Logger } from "../../src/base/logger.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { CommitQueue } from "../../src/store/sqlite/commit-queue.ts";
import { Database, query } from "../../src/store/sqlite/database.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { seededRandom, tempFolder } from "../support/store-fixture.ts";

const INSERT = query<[label: string]>("insert into notes (label) values (?)");
const LABELS = query<[], { label: string }>("select label from notes order by key");

/** A connection that counts its transactions and fails as many as a test asks for, the way SQLite does. */
class FaultyDatabase extends Database {
  transactions = 0;
  /** Result codes of the next transactions; undefined lets one through. */
  readonly faults: (number | undefined)[] = [];

  override transaction<T>(fn: () => T): T {
    this.transactions += 1;
    const fault = this.faults.shift();
    if (fault === undefined) return super.transaction(fn);
    return super.transaction(() => {
      fn();
      throw Object.assign(new Error("injected"), { errcode: fault });
    });
  }
}

const FULL = 13;
const BUSY = 5;
const DISK_ERROR = 10;

interface Bench extends Disposable {
  readonly db: FaultyDatabase;
  readonly queue: CommitQueue;
  readonly clock: ManualClock;
  readonly path: string;
  /** What another connection sees: committed rows only. */
  readonly stored: () => string[];
}

function openBench(log: Logger = silentLogger): Bench {
  using building = new DisposableStack();
  const path = join(building.use(tempFolder()).path, "queue.db");
  const db = building.adopt(new FaultyDatabase(path), (open) => open.close());
  // synchronous off: what is tested is order and outcome, thousands of times.
  db.exec(
    "pragma journal_mode = wal; pragma synchronous = off; create table notes (key integer primary key, label text not null unique) strict",
  );
  const observer = building.adopt(new Database(path, { readOnly: true }), (open) => open.close());
  const clock = new ManualClock();
  const queue = new CommitQueue({ db, clock, random: seededRandom(), log });
  const owned = building.move();
  return {
    db,
    queue,
    clock,
    path,
    stored: () => observer.all(LABELS).map((row) => row.label),
    [Symbol.dispose]: () => owned.dispose(),
  };
}

const note = (label: string) => (db: Database) => void db.run(INSERT, label);
const outcomeOf = (promise: Promise<unknown>) => promise.then(() => "stored", errorCode);

describe("group commit", () => {
  it("puts everything that waits in one turn into one transaction, in the order of the calls", async () => {
    using bench = openBench();
    const { queue, db } = bench;

    const waiting = ["a", "b", "c"].map((label) => queue.submit(note(label)));
    queue.append(note("d"));
    waiting.push(Promise.resolve().then(() => queue.submit(note("e"))));
    await Promise.all(waiting);

    expect(bench.stored()).toEqual(["a", "b", "c", "d", "e"]);
    expect(db.transactions).toBe(1);
  });

  it("tells nobody before the commit", async () => {
    using bench = openBench();
    const seen: string[][] = [];

    await bench.queue.submit(
      (db) => {
        note("a")(db);
        seen.push(bench.stored());
      },
      () => seen.push(bench.stored()),
    );

    expect(seen).toEqual([[], ["a"]]);
  });

  it("gives each caller the value of its own work", async () => {
    using bench = openBench();

    const values = await Promise.all([1, 2, 3].map((n) => bench.queue.submit((db) => (note(String(n))(db), n * 10))));

    expect(values).toEqual([10, 20, 30]);
  });

  it("rejects the unit that is refused and stores its neighbours", async () => {
    using bench = openBench();
    const { queue } = bench;
    const half = (db: Database): void => {
      note("half")(db);
      note("a")(db);
    };

    const outcomes = await Promise.all([note("a"), half, note("b")].map((work) => outcomeOf(queue.submit(work))));

    expect(outcomes).toEqual(["stored", "store_conflict", "stored"]);
    expect(bench.stored()).toEqual(["a", "b"]);
  });

  it("passes on the code of an error that the work threw itself", async () => {
    using bench = openBench();

    const outcome = await outcomeOf(
      bench.queue.submit(() => {
        throw new BellhopError("lease_lost", { leaseId: "l" });
      }),
    );

    expect(outcome).toBe("lease_lost");
  });

  it("limits the size of a transaction, so that it blocks nobody for long", async () => {
    using bench = openBench();
    const labels = Array.from({ length: 1_200 }, (_, index) => String(index));

    await Promise.all(labels.map((label) => bench.queue.submit(note(label))));

    expect(bench.db.transactions).toBe(3);
    expect(bench.stored()).toEqual(labels);
  });

  it("tells a unit the last one in its transaction, and none when each may be taken back alone", async () => {
    using bench = openBench();
    const { queue } = bench;
    const seen: string[] = [];
    const look = (name: string, fails = false) => {
      const { nextNumber: first } = queue;
      queue.append((_db, { through }) => {
        seen.push(`${name} ${through - first}`);
        if (fails) throw new BellhopError("lease_lost", { leaseId: "l" });
      });
    };

    look("a");
    look("b");
    await queue.flush();
    look("c");
    look("d", true);
    await outcomeOf(queue.flush());

    expect(seen).toEqual(["a 2", "b 1", "c 2", "d 1", "c 0", "d 0"]);
  });

  it("keeps the order of calls and tells each outcome, whatever the mix", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant("submit" as const) },
      { weight: 4, arbitrary: fc.constant("append" as const) },
      { weight: 2, arbitrary: fc.constant("refused" as const) },
      { weight: 2, arbitrary: fc.constant("turn" as const) },
      { weight: 1, arbitrary: fc.constant("wait" as const) },
      { weight: 1, arbitrary: fc.constant("flush" as const) },
      { weight: 1, arbitrary: fc.constant("exit" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        using bench = openBench();
        const { queue, clock } = bench;
        await queue.submit(note("taken"));
        const expected = ["taken"];
        const outcomes: Promise<string | undefined>[] = [];
        const wanted: string[] = [];
        const wrong: string[] = [];
        const see = (isRight: boolean, what: string): void => void (isRight || wrong.push(what));

        for (const [index, kind] of steps.entries()) {
          const label = String(index);
          if (kind === "submit") {
            outcomes.push(
              outcomeOf(
                queue.submit(note(label)).then(() => see(bench.stored().includes(label), `${label} was told early`)),
              ),
            );
            wanted.push("stored");
          } else if (kind === "refused") {
            outcomes.push(outcomeOf(queue.submit((db) => (note(label)(db), note("taken")(db)))));
            wanted.push("store_conflict");
          } else if (kind === "append") queue.append(note(label));
          else if (kind === "exit") {
            queue.writeSync(note(label));
            see(bench.stored().at(-1) === label, `${label} was not last`);
          } else if (kind === "turn") await clock.settle(1);
          else if (kind === "wait") await clock.advance(50);
          else {
            await queue.flush();
            see(bench.stored().join() === expected.join(), `the flush before ${label} left something`);
          }
          if (kind === "submit" || kind === "append" || kind === "exit") expected.push(label);
        }
        await queue.flush();

        expect(await Promise.all(outcomes)).toEqual(wanted);
        expect(wrong).toEqual([]);
        expect(bench.stored()).toEqual(expected);
        expect(queue.size).toBe(0);
        expect(queue.appended).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a store that fails", () => {
  it.each([
    { fault: FULL, code: "store_full" },
    { fault: DISK_ERROR, code: "store_unavailable" },
    { fault: 11, code: "store_corrupt" },
    { fault: 8, code: "store_unavailable" },
  ])(
    "rejects the next commit with $code, keeps what was written behind and stores it later",
    async ({ fault, code }) => {
      using bench = openBench();
      const { queue, db, clock } = bench;
      db.faults.push(fault);

      queue.append(note("behind"));
      const rejected = await outcomeOf(queue.submit(note("asked")));
      const [kept, failure] = [queue.appended, queue.lastFailure?.code];
      const next = await outcomeOf(queue.submit(note("next")));

      expect([rejected, kept, failure]).toEqual([code, 1, code]);
      expect(next).toBe("stored");
      expect(bench.stored()).toEqual(["behind", "next"]);
      expect(queue.lastFailure).toBeUndefined();
      expect(clock.pending.all).toBe(0);
    },
  );

  it("rejects a flush, and drains the queue when one succeeds", async () => {
    using bench = openBench();
    const { queue, db } = bench;
    db.faults.push(FULL, FULL);
    for (const label of ["a", "b"]) queue.append(note(label));

    expect(await outcomeOf(queue.flush())).toBe("store_full");
    expect(await outcomeOf(queue.flush())).toBe("store_full");
    expect(await outcomeOf(queue.flush())).toBe("stored");
    expect(bench.stored()).toEqual(["a", "b"]);
  });

  it("tries again by itself when nobody asks, and says once that it fails", async () => {
    const warnings: unknown[] = [];
    using bench = openBench({ ...silentLogger, warn: (_, fields) => warnings.push(fields?.["code"]) });
    const { queue, db, clock } = bench;
    db.faults.push(FULL, FULL);

    queue.append(note("a"));
    await clock.advance(50);
    await clock.advance(1_000);
    const between = bench.stored();
    await clock.advance(1_000);

    expect(between).toEqual([]);
    expect(bench.stored()).toEqual(["a"]);
    expect(warnings).toEqual(["store_full"]);
  });

  it("sets a queued record aside that the store will never take, stores the rest and tells the next flush", async () => {
    const errors: unknown[] = [];
    using bench = openBench({ ...silentLogger, error: (_, fields) => errors.push(fields?.["code"]) });
    const { queue } = bench;
    for (const label of ["a", "a", "b"]) queue.append(note(label));

    expect(await outcomeOf(queue.flush())).toBe("store_conflict");
    expect(await outcomeOf(queue.flush())).toBe("stored");
    expect(bench.stored()).toEqual(["a", "b"]);
    expect(errors).toEqual(["store_conflict"]);
  });

  it("loses nothing it keeps and stores nothing it refused, whatever fails when", async () => {
    const step = fc.oneof(
      fc.constantFrom("submit" as const, "append" as const, "turn" as const, "wait" as const),
      fc.constantFrom(FULL, BUSY, DISK_ERROR),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        using bench = openBench();
        const { queue, db, clock } = bench;
        const outcomes: { label: string; outcome: Promise<string | undefined> }[] = [];
        const appended: string[] = [];
        for (const [index, kind] of steps.entries()) {
          const label = String(index).padStart(2, "0");
          if (typeof kind === "number") db.faults.push(kind);
          else if (kind === "submit") outcomes.push({ label, outcome: outcomeOf(queue.submit(note(label))) });
          else if (kind === "append") {
            queue.append(note(label));
            appended.push(label);
          } else await (kind === "turn" ? clock.settle(1) : clock.advance(100));
        }
        db.faults.length = 0;
        await clock.advance(2_000);
        await queue.flush();

        const submitted = await Promise.all(
          outcomes.map(async ({ label, outcome }) => ({ label, outcome: await outcome })),
        );
        const acknowledged = submitted.filter(({ outcome }) => outcome === "stored").map(({ label }) => label);
        expect(bench.stored()).toEqual([...appended, ...acknowledged].toSorted());
      }),
      { numRuns: 60 },
    );
  });

  it("takes up writing again on a database that had no room", async () => {
    using bench = openBench();
    const { queue, db } = bench;
    const long = "x".repeat(3_000);
    db.exec("pragma max_page_count = 12");
    queue.append(note("behind"));

    const outcomes: (string | undefined)[] = [];
    for (let index = 0; index < 12; index += 1) outcomes.push(await outcomeOf(queue.submit(note(`${index}${long}`))));
    const acknowledged = outcomes.flatMap((outcome, index) => (outcome === "stored" ? [`${index}${long}`] : []));
    queue.append(note(`later${long}`));
    const whileFull = await outcomeOf(queue.flush());
    db.exec("pragma max_page_count = 1000");
    await queue.flush();

    expect(new Set(outcomes)).toEqual(new Set(["stored", "store_full"]));
    expect(whileFull).toBe("store_full");
    expect(bench.stored()).toEqual(["behind", ...acknowledged, `later${long}`]);
  });
});

describe("a store that another process holds", () => {
  it("waits for the lock without blocking, then stores in order", async () => {
    using bench = openBench();
    const { queue, clock } = bench;
    using other = locked(bench.path);

    const waiting = outcomeOf(queue.submit(note("a")));
    await clock.advance(200);
    const whileLocked = bench.stored();
    other[Symbol.dispose]();
    await clock.advance(50);

    expect(whileLocked).toEqual([]);
    expect(await waiting).toBe("stored");
  });

  it("gives up after ten seconds and says so; what was written behind is stored later", async () => {
    using bench = openBench();
    const { queue, clock } = bench;
    using other = locked(bench.path);
    queue.append(note("behind"));

    const waiting = queue.submit(note("a")).then(
      () => "stored",
      (error: unknown) => error,
    );
    await clock.advance(9_900);
    const early = queue.size;
    await clock.advance(200);
    const failure = await waiting;
    other[Symbol.dispose]();
    await clock.advance(1_000);

    expect(early).toBe(2);
    expect(errorCode(failure)).toBe("store_busy");
    expect((failure as BellhopError<"store_busy">).details.waitedMs).toBeGreaterThanOrEqual(10_000);
    expect(bench.stored()).toEqual(["behind"]);
  });

  it("lets an exiting process store its queue while an earlier write waits for the lock", async () => {
    using bench = openBench();
    const { queue, clock } = bench;
    using other = locked(bench.path);
    const waiting = outcomeOf(queue.submit(note("a")));
    await clock.advance(5);
    other[Symbol.dispose]();

    queue.writeSync(note("last"));

    expect(bench.stored()).toEqual(["a", "last"]);
    expect(await waiting).toBe("stored");
  });
});

describe("writing behind", () => {
  it("writes at latest 50 ms after the first of several, in one transaction", async () => {
    using bench = openBench();
    const { queue, clock, db } = bench;

    queue.append(note("a"));
    await clock.advance(30);
    queue.append(note("b"));
    await clock.advance(20);

    expect(bench.stored()).toEqual(["a", "b"]);
    expect(db.transactions).toBe(1);
  });

  it("writes without a turn of the event loop when a flow records thousands in one", () => {
    using bench = openBench();

    for (let index = 0; index < 2_500; index += 1) bench.queue.append(note(String(index)));

    expect(bench.queue.size).toBe(500);
    expect(bench.stored()).toHaveLength(2_000);
    bench.queue.close();
  });

  it("refuses writes after it was closed", async () => {
    using bench = openBench();
    bench.queue.close();

    expect(await outcomeOf(bench.queue.submit(note("a")))).toBe("store_unavailable");
    expect(() => bench.queue.append(note("a"))).toThrow(/closed/);
  });
});

/** Another connection that holds the write lock until it is disposed. */
function locked(path: string): Disposable {
  const other = new Database(path);
  other.exec("begin immediate");
  return {
    [Symbol.dispose]: () => {
      if (!other.isOpen) return;
      other.exec("rollback");
      other.close();
    },
  };
}
