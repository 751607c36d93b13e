import { describe, expect, it } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import type { SerializerLike } from "../../src/results/options.ts";
import type { RecordPlace } from "../../src/results/record-rows.ts";
import type { RecordStore } from "../../src/results/record-store.ts";
import { openSealedRecords } from "../../src/results/sealed-records.ts";
import { serializerOf } from "../../src/results/serializers.ts";
import { LOCK_LASTS_MS } from "../../src/results/shared-locks.ts";
import { rejected } from "../support/coded.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { keepingLogger, testSealer } from "../support/results.ts";

/** A new, empty place for results. */
export interface PlaceFixture extends AsyncDisposable {
  readonly place: RecordPlace;
  readonly clock: ManualClock;
  /** A second opening, as another process has it; with a clock that stands still, as a process that has died. */
  beside(clock?: ManualClock): Promise<RecordPlace>;
  /** Everything that lies on the disk. */
  bytes(): Promise<Buffer>;
  /** Damages the stored record. */
  damage(key: string): Promise<void>;
}

export type PlaceOpener = () => Promise<PlaceFixture>;

const sealer = testSealer();

function recordsOf(
  place: RecordPlace,
  { clock }: PlaceFixture,
  type: SerializerLike = "json",
  log = silentLogger,
): RecordStore {
  return openSealedRecords({ place, serializer: serializerOf(type), sealer, clock, log });
}

/** What every place for results must do. */
export function recordStoreSuite(open: PlaceOpener): void {
  describe("records", () => {
    it("gives back what was written, to other processes too", async () => {
      await using fixture = await open();
      const value = { when: new Date(5), list: [undefined, 1n] };
      const records = recordsOf(fixture.place, fixture);

      await records.write("k", { value, expiresAtMs: null });

      const other = recordsOf(await fixture.beside(), fixture);
      expect(await records.read("k")).toEqual({ value, expiresAtMs: null });
      expect(await other.read("k")).toEqual({ value, expiresAtMs: null });
      expect(await other.exists("k")).toBe(true);
    });

    it("gives null for what is not there", async () => {
      await using fixture = await open();
      const records = recordsOf(fixture.place, fixture);

      expect(await records.read("k")).toBeNull();
      expect(await records.exists("k")).toBe(false);
    });

    it("finds a stored null and a stored undefined", async () => {
      await using fixture = await open();
      const records = recordsOf(fixture.place, fixture);

      await records.write("null", { value: null, expiresAtMs: null });
      await records.write("undefined", { value: undefined, expiresAtMs: null });

      expect(await records.read("null")).toEqual({ value: null, expiresAtMs: null });
      expect(await records.read("undefined")).toEqual({ value: undefined, expiresAtMs: null });
    });

    it("replaces what is there", async () => {
      await using fixture = await open();
      const records = recordsOf(fixture.place, fixture);

      await records.write("k", { value: 1, expiresAtMs: 5 });
      await records.write("k", { value: 2, expiresAtMs: null });

      expect(await records.read("k")).toEqual({ value: 2, expiresAtMs: null });
    });

    it("gives a record until the instant at which it expires", async () => {
      await using fixture = await open();
      const { clock } = fixture;
      const records = recordsOf(fixture.place, fixture);
      await records.write("k", { value: 1, expiresAtMs: clock.now() + 1_000 });

      await clock.advance(999);
      expect(await records.exists("k")).toBe(true);
      await clock.advance(1);

      expect(await records.exists("k")).toBe(false);
      expect(await records.read("k")).toBeNull();
    });

    it("takes any key, tells keys apart that look alike, and writes nowhere else", async () => {
      await using fixture = await open();
      const records = recordsOf(fixture.place, fixture);
      const keys = [
        "a",
        "A",
        "a/b",
        "../../escape",
        "/etc/passwd",
        "con",
        "a\u0000b",
        "ä",
        "a\u0308",
        "x".repeat(500),
        "",
      ];

      for (const [index, key] of keys.entries()) await records.write(key, { value: index, expiresAtMs: null });

      const read = await Promise.all(keys.map(async (key) => (await records.read(key))?.value));
      expect(read).toEqual(keys.map((_key, index) => index));
    });

    it("reads a damaged record as null, and says so in the log", async () => {
      await using fixture = await open();
      const { log, lines } = keepingLogger();
      const records = recordsOf(fixture.place, fixture, "json", log);
      await records.write("k", { value: 1, expiresAtMs: null });

      await fixture.damage("k");

      expect(await records.read("k")).toBeNull();
      expect(lines).toMatchObject([{ level: "warn", fields: { key: "k" } }]);
    });

    it("reads a record that was moved to another key, or made to last, as null", async () => {
      await using fixture = await open();
      const { rows } = fixture.place;
      const records = recordsOf(fixture.place, fixture);
      await records.write("a", { value: 1, expiresAtMs: fixture.clock.now() + 1_000 });
      const stored = await rows.read("a");
      if (stored === null) throw new Error("it was not written");

      await rows.write("b", stored);
      await rows.write("a", { ...stored, expiresAtMs: null });

      expect(await records.read("a")).toBeNull();
      expect(await records.read("b")).toBeNull();
    });

    it("reads what another serializer of Bellhop wrote, and not what an unknown one wrote", async () => {
      await using fixture = await open();
      const { log, lines } = keepingLogger();
      const own = { type: "own", serialize: () => Buffer.from("x"), deserialize: () => "read" };
      await recordsOf(fixture.place, fixture, "v8").write("v8", { value: [1], expiresAtMs: null });
      await recordsOf(fixture.place, fixture, "compressed/json").write("z", { value: [2], expiresAtMs: null });
      await recordsOf(fixture.place, fixture, own).write("own", { value: [3], expiresAtMs: null });

      const records = recordsOf(fixture.place, fixture, "json", log);

      expect(await records.read("v8")).toMatchObject({ value: [1] });
      expect(await records.read("z")).toMatchObject({ value: [2] });
      expect(await recordsOf(fixture.place, fixture, own).read("own")).toMatchObject({ value: "read" });
      expect(await records.read("own")).toBeNull();
      expect(lines).toHaveLength(1);
    });

    it("does not read with another key", async () => {
      await using fixture = await open();
      const { clock } = fixture;
      await recordsOf(fixture.place, fixture).write("k", { value: 1, expiresAtMs: null });
      const stranger = openSealedRecords({
        place: fixture.place,
        serializer: serializerOf("json"),
        sealer: testSealer(),
        clock,
        log: silentLogger,
      });

      expect(await stranger.read("k")).toBeNull();
    });

    it("leaves nothing of a value on the disk", async () => {
      await using fixture = await open();
      const secret = "hunter2-and-more-of-it";
      for (const type of ["json", "v8"] as const) {
        await recordsOf(fixture.place, fixture, type).write(type, { value: { token: secret }, expiresAtMs: null });
      }

      const bytes = await fixture.bytes();

      expect(bytes.length).toBeGreaterThan(100);
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes(Buffer.from(secret).toString("base64").slice(4, 20))).toBe(false);
      expect(bytes.includes(Buffer.from(secret, "utf16le"))).toBe(false);
    });

    it("keeps the record that was there when a value cannot be written", async () => {
      await using fixture = await open();
      const records = recordsOf(fixture.place, fixture);
      await records.write("k", { value: 1, expiresAtMs: null });

      await expect(records.write("k", { value: () => 1, expiresAtMs: null })).rejects.toMatchObject({
        code: "result_not_serializable",
      });

      expect(await records.read("k")).toMatchObject({ value: 1 });
    });

    it("keeps one of several records that are written at the same time, whole", async () => {
      await using fixture = await open();
      const stores = [fixture.place, await fixture.beside()].map((place) => recordsOf(place, fixture));
      const values = Array.from({ length: 20 }, (_, index) => String(index).repeat(2_000));

      await Promise.all(
        values.map(async (value, index) => stores[index % 2]?.write("k", { value, expiresAtMs: null })),
      );

      expect(values).toContain((await stores[0]?.read("k"))?.value);
    });
  });

  lockSuite(open);
}

/** What locks that several processes share must do. */
function lockSuite(open: PlaceOpener): void {
  describe("locks", () => {
    it("belong to one holder at a time, in all processes", async () => {
      await using fixture = await open();
      const [one, two] = [fixture.place.locks, (await fixture.beside()).locks];
      await one.acquire("k", "a");

      expect(await one.isHolder("k", "a")).toBe(true);
      expect(await two.isHolder("k", "a")).toBe(true);
      expect(await two.isHolder("k", "b")).toBe(false);
      await one.acquire("k", "a");
      const waiting = two.acquire("k", "b", { timeoutMs: 200 });
      const refused = rejected(waiting);
      await advanceUntilSettled(fixture, waiting);
      expect(await refused).toMatchObject({ code: "lock_timeout", details: { key: "k" } });
      await one.release("k", "a");
    });

    it("are given to who waits when they are released, and to nobody by another holder", async () => {
      await using fixture = await open();
      const [one, two] = [fixture.place.locks, (await fixture.beside()).locks];
      await one.acquire("k", "a");

      await one.release("k", "b");
      await two.release("k", "a");
      expect(await two.isHolder("k", "a")).toBe(true);
      const waiting = two.acquire("k", "b");
      await one.release("k", "a");
      await advanceUntilSettled(fixture, waiting);

      expect(await one.isHolder("k", "b")).toBe(true);
      await two.release("k", "b");
    });

    it("let several waiters in one after the other", async () => {
      await using fixture = await open();
      const managers = [fixture.place.locks, (await fixture.beside()).locks, (await fixture.beside()).locks];
      let inside = 0;
      let most = 0;
      const visits = Array.from({ length: 12 }, async (_, index) => {
        const locks = managers[index % managers.length] ?? fixture.place.locks;
        await locks.acquire("k", `h${index}`);
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        await locks.release("k", `h${index}`);
      });

      await advanceUntilSettled(fixture, Promise.all(visits));

      expect(most).toBe(1);
    });

    it("are free once, after a time, when the process of the holder has died", async () => {
      await using fixture = await open();
      const { clock } = fixture;
      const [one, two] = [(await fixture.beside()).locks, (await fixture.beside()).locks];
      await (await fixture.beside(new ManualClock())).locks.acquire("k", "dead");
      expect(await one.isHolder("k", "dead")).toBe(true);

      const startedMs = clock.now();
      const takenMs: number[] = [];
      let inside = 0;
      const takers = [one, two].map(async (locks, index) => {
        await locks.acquire("k", `taker${index}`);
        takenMs.push(clock.now());
        inside += 1;
        expect(inside).toBe(1);
        await io();
        inside -= 1;
        await locks.release("k", `taker${index}`);
      });
      await advanced(fixture, Promise.all(takers));

      expect(takenMs).toHaveLength(2);
      expect(Math.min(...takenMs) - startedMs).toBeGreaterThanOrEqual(LOCK_LASTS_MS);
    });

    it("stay with a holder that lives", async () => {
      await using fixture = await open();
      const [one, two] = [fixture.place.locks, (await fixture.beside()).locks];
      await one.acquire("k", "a");

      for (let waited = 0; waited < LOCK_LASTS_MS * 3; waited += 2_000) {
        await fixture.clock.advance(2_000);
        // The timer is set again when the lock has been renewed.
        await fixture.clock.until(() => fixture.clock.pending.all > 0, "the renewal");
      }

      expect(await two.isHolder("k", "a")).toBe(true);
      await one.release("k", "a");
      expect(fixture.clock.pending.all).toBe(0);
    });

    it("can be waited for without being taken", async () => {
      await using fixture = await open();
      const [one, two] = [fixture.place.locks, (await fixture.beside()).locks];
      await two.waitFor("k");
      await one.acquire("k", "a");
      const refused = await advanced(fixture, rejected(two.waitFor("k", { timeoutMs: 100 })));
      expect(refused.code).toBe("lock_timeout");

      const waiting = two.waitFor("k");
      await one.release("k", "a");
      await advanceUntilSettled(fixture, waiting);

      expect(await two.isHolder("k", "a")).toBe(false);
    });

    it("stop being waited for when the signal is aborted", async () => {
      await using fixture = await open();
      const [one, two] = [fixture.place.locks, (await fixture.beside()).locks];
      await one.acquire("k", "a");
      const reasons = [one, two].map(async (locks) => {
        const controller = new AbortController();
        const waiting = locks.acquire("k", "b", { signal: controller.signal }).catch((error: unknown) => error);
        await io();
        controller.abort("enough");
        return waiting;
      });

      expect(await advanced(fixture, Promise.all(reasons))).toEqual(["enough", "enough"]);
      await one.release("k", "a");
    });
  });
}

/** Lets real input and output happen. */
async function io(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function advanceUntilSettled(fixture: PlaceFixture, promise: Promise<unknown>): Promise<void> {
  const progress = { done: false };
  const end = (): void => void (progress.done = true);
  void promise.then(end, end);
  for (let step = 0; !progress.done; step += 1) {
    if (step > 5_000) throw new Error("it did not settle");
    await io();
    if (!progress.done) await fixture.clock.advance(50);
  }
}

async function advanced<T>(fixture: PlaceFixture, promise: Promise<T>): Promise<T> {
  await advanceUntilSettled(fixture, promise);
  return promise;
}
