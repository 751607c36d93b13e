import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { errorCode } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { CommitQueue } from "../../src/store/sqlite/commit-queue.ts";
import { Database, query } from "../../src/store/sqlite/database.ts";
import { LogFlush } from "../../src/store/sqlite/log-flush.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { seededRandom, tempFolder } from "../support/store-fixture.ts";

const INSERT = query<[label: string]>("insert into notes (label) values (?)");
const LABELS = query<[], { label: string }>("select label from notes order by key");
const note = (label: string) => (db: Database) => void db.run(INSERT, label);

type Ended = (error: Error | null) => void;

interface Bench extends Disposable {
  readonly queue: CommitQueue;
  readonly clock: ManualClock;
  /** Flushes under way; calling one ends it. */
  readonly flushes: Ended[];
  /** What has been acknowledged, or refused with which code. */
  readonly told: string[];
  /** Whether the next checkpoints work. */
  canCheckpoint: boolean;
  checkpoints: number;
  /** Stores a row, whose fate is then in `told`. */
  submit(label: string): void;
  /** What another connection sees. */
  committed(): readonly string[];
}

function openBench(): Bench {
  using building = new DisposableStack();
  const path = join(building.use(tempFolder()).path, "flush.db");
  const db = building.adopt(new Database(path), (open) => open.close());
  db.exec(
    "pragma journal_mode = wal; pragma synchronous = normal; create table notes (key integer primary key, label text) strict",
  );
  const observer = building.adopt(new Database(path, { readOnly: true }), (open) => open.close());
  const clock = new ManualClock();
  const flushes: Ended[] = [];
  const told: string[] = [];
  const logFlush = building.adopt(
    new LogFlush({
      path: db.logPath,
      clock,
      flush: (_descriptor, ended) => void flushes.push(ended),
      checkpoint: () => {
        bench.checkpoints += 1;
        return bench.canCheckpoint && db.checkpoint();
      },
    }),
    (open) => open.close(),
  );
  const queue = new CommitQueue({ db, clock, random: seededRandom(), log: silentLogger, logFlush });
  const owned = building.move();
  const bench: Bench = {
    queue,
    clock,
    flushes,
    told,
    canCheckpoint: true,
    checkpoints: 0,
    submit: (label) =>
      void queue.submit(note(label)).then(
        () => told.push(label),
        (error: unknown) => told.push(`${label}: ${errorCode(error)}`),
      ),
    committed: () => observer.all(LABELS).map((row) => row.label),
    [Symbol.dispose]: () => owned.dispose(),
  };
  return bench;
}

/** Ends the flush that is under way. */
async function end({ flushes, clock }: Bench, error: Error | null = null): Promise<void> {
  flushes.shift()?.(error);
  await clock.settle();
}

const diskError = (code: string): Error => Object.assign(new Error(`${code}: the disk said no`), { code });

describe("the flush of the log", () => {
  it("comes before the acknowledgement, and the next transactions do not wait for it", async () => {
    using bench = openBench();
    const { clock, told, flushes } = bench;

    bench.submit("a");
    await clock.settle();
    bench.submit("b");
    await clock.settle();
    bench.submit("c");
    await clock.settle();

    expect(bench.committed()).toEqual(["a", "b", "c"]);
    expect([told, flushes.length]).toEqual([[], 1]);

    await end(bench);
    expect(told).toEqual(["a"]);
    // One for both that were committed while the first was under way.
    expect(flushes).toHaveLength(1);

    await end(bench);
    expect(told).toEqual(["a", "b", "c"]);
    expect([flushes.length, bench.checkpoints]).toEqual([0, 0]);
  });

  it("is waited for by whoever asks for everything to be stored", async () => {
    using bench = openBench();
    let isFlushed = false;

    bench.submit("a");
    await bench.clock.settle();
    void bench.queue.flush().then(() => (isFlushed = true));
    await bench.clock.settle();
    expect(isFlushed).toBe(false);

    await end(bench);
    expect(isFlushed).toBe(true);
  });

  it("is not waited for by those who ask for less than it writes", async () => {
    using bench = openBench();
    const asked: string[] = [];
    const ask = (label: string): void => void bench.queue.flushed().then(() => asked.push(label));

    bench.submit("a");
    await bench.clock.settle();
    ask("after a");
    bench.submit("b");
    await bench.clock.settle();
    ask("after b");
    await end(bench);
    expect(asked).toEqual(["after a"]);

    bench.submit("c");
    await bench.clock.settle();
    await end(bench);
    expect(asked).toEqual(["after a", "after b"]);
    expect(bench.told).toEqual(["a", "b"]);
    await end(bench);
  });

  it("is replaced by a checkpoint when it fails", async () => {
    using bench = openBench();

    bench.submit("a");
    await bench.clock.settle();
    await end(bench, diskError("EIO"));

    expect(bench.told).toEqual(["a"]);
    expect(bench.checkpoints).toBe(1);
  });

  it("is not trusted after it has failed, until a checkpoint has worked", async () => {
    using bench = openBench();
    bench.canCheckpoint = false;

    bench.submit("a");
    await bench.clock.settle();
    await end(bench, diskError("EIO"));
    bench.submit("b");
    await bench.clock.settle();
    await end(bench);
    expect(bench.told).toEqual(["a: store_unavailable", "b: store_unavailable"]);
    expect(bench.queue.lastFailure?.code).toBe("store_unavailable");

    bench.canCheckpoint = true;
    bench.submit("c");
    await bench.clock.settle();
    await end(bench);
    bench.submit("d");
    await bench.clock.settle();
    await end(bench);
    expect(bench.told.slice(2)).toEqual(["c", "d"]);
    expect([bench.checkpoints, bench.queue.lastFailure]).toEqual([3, undefined]);
  });

  it("says that the disk is full where a file system notices it late", async () => {
    using bench = openBench();
    bench.canCheckpoint = false;

    bench.submit("a");
    await bench.clock.settle();
    await end(bench, diskError("ENOSPC"));

    expect(bench.told).toEqual(["a: store_full"]);
  });

  it("does not wait for ever for a thread that others keep busy", async () => {
    using bench = openBench();

    bench.submit("a");
    await bench.clock.advance(999);
    expect(bench.told).toEqual([]);
    await bench.clock.advance(1);
    expect([bench.told, bench.checkpoints]).toEqual([["a"], 0]);

    // It fails late, when another is under way; the system will not say so again.
    bench.submit("b");
    await bench.clock.settle();
    await end(bench, diskError("EIO"));
    expect(bench.told).toEqual(["a"]);
    await end(bench);
    expect([bench.told, bench.checkpoints]).toEqual([["a", "b"], 1]);
    expect(bench.clock.pending.all).toBe(0);
  });

  it("is done at once by a process that is exiting", async () => {
    using bench = openBench();

    bench.submit("a");
    await bench.clock.settle();
    bench.submit("b");
    bench.queue.writeSync(note("c"));
    await bench.clock.settle();

    expect(bench.committed()).toEqual(["a", "b", "c"]);
    // The first waits for its own flush still; the others had one that blocked.
    expect(bench.told).toEqual(["b"]);
    await end(bench);
    expect(bench.told).toEqual(["b", "a"]);
  });
});
