import { pathToFileURL } from "node:url";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/base/json.ts";
import { openResultServices, storageName } from "../../src/results/open-services.ts";
import { makePlan, storedKey } from "../../src/results/plan.ts";
import type { RecordPlace } from "../../src/results/record-rows.ts";
import { withStoredResult, withStoredResults } from "../../src/results/stored-results.ts";
import { registerSecret } from "../../src/base/redactor.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Completed, Failed } from "../../src/states/constructors.ts";
import { markStored, State } from "../../src/states/state.ts";
import { coded, rejected } from "../support/coded.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { memoryPlace, testSealer, testServices } from "../support/results.ts";
import { sqliteFixture, tempFolder } from "../support/store-fixture.ts";
import { aChange, aFlowRun, aState } from "../support/store-records.ts";

type Services = ReturnType<typeof testServices>;

const planOf = ({ services, clock }: Pick<Services, "services" | "clock">, expiresInMs: number | null = null) =>
  makePlan({ results: services.open(null, null), key: null, refresh: false, expiresInMs, clock });

/** A state as another process reads it. */
const readBack = (state: State, { services }: Services): State =>
  withStoredResult(State.fromWire(state.toWire()), services);

/** A state whose result is kept, with the value in memory. */
function stored(state: State, metadata: JsonValue): State {
  markStored(state, metadata);
  return state;
}

describe("the name of a storage", () => {
  it.each([
    [null, "store"],
    ["store", "store"],
    ["/data/results", "file:///data/results"],
    ["/data/with space", "file:///data/with%20space"],
    ["file:///data/results", "file:///data/results"],
    [new URL("file:///data/results"), "file:///data/results"],
    ["results", pathToFileURL(resolve("results")).href],
    ["../up", pathToFileURL(resolve("../up")).href],
  ])("of %s is %s", (given, expected) => {
    expect(storageName(given)).toBe(expected);
  });

  it.each([
    ["s3://bucket/x"],
    ["https://example.com/x"],
    [""],
    [5],
    [new URL("https://example.com")],
    ["file://host/x"],
  ])("is refused for %s", (given) => {
    // As a caller without types gives it.
    expect(coded(() => storageName(given as never))).toMatchObject({
      code: "invalid_definition",
      details: { option: "resultStorage" },
    });
  });
});

describe("result services", () => {
  it("open the same storage and serializer once", () => {
    const opened: string[] = [];
    const clock = new ManualClock();
    const openFolder = (path: string): RecordPlace => {
      opened.push(path);
      return memoryPlace(clock);
    };
    const embedded = memoryPlace(clock);
    const services = openResultServices({ embedded, openFolder, sealer: testSealer(), clock, log: silentLogger });

    const one = services.open("/data/x", null);

    expect(services.open(new URL("file:///data/x"), "json")).toBe(one);
    expect(services.open("/data/x", "v8").store.locks).toBe(one.store.locks);
    expect(services.open(null, null).storage).toBe("store");
    expect(services.open(null, null)).toBe(services.open("store", "json"));
    expect(opened).toEqual(["/data/x"]);
  });

  it("keep results in a folder and find them again by the metadata", async () => {
    using folder = tempFolder();
    const { services, clock } = testServices();
    const results = services.open(join(folder.path, "r"), "compressed/v8");
    const plan = makePlan({ results, key: "k", refresh: false, expiresInMs: null, clock });
    const record = plan.record({ a: 1 });
    await plan.store.write(plan.storageKey, record);

    const metadata = plan.metadata(record);

    expect(metadata).toEqual({
      storage_key: "k",
      expiration: null,
      serializer: { type: "compressed/v8" },
      storage_block_id: null,
      storage: pathToFileURL(join(folder.path, "r")).href,
      version: expect.stringMatching(/^\d+\.\d+/),
    });
    expect(await services.load(metadata, 1)).toMatchObject({ value: { a: 1 } });
  });

  it("do not look for what another program keeps elsewhere", async () => {
    const { services } = testServices();

    for (const metadata of [
      null,
      {},
      { storage_key: "k" },
      { storage_key: "k", storage: "s3://x", serializer: { type: "json" } },
    ])
      expect(await services.load(metadata, 10)).toBeNull();
  });

  it("read with a serializer of yours that this process has used", async () => {
    const rig = testServices();
    const own = { type: "own", serialize: () => Buffer.from("x"), deserialize: () => "mine" };
    const results = rig.services.open(null, own);
    const plan = makePlan({ results, key: "k", refresh: false, expiresInMs: null, clock: rig.clock });
    await plan.store.write("k", plan.record(1));

    expect(await rig.services.load(plan.metadata(plan.record(1)), 1)).toMatchObject({ value: "mine" });
  });
});

describe("the key under which a result is kept", () => {
  it("is as given, unless it holds a known secret or is very long", () => {
    registerSecret("hunter2-in-a-key");

    expect(storedKey("report-monday")).toBe("report-monday");
    expect(storedKey("x-hunter2-in-a-key")).toMatch(/^sha256-[0-9a-f]{64}$/);
    expect(storedKey("x".repeat(600))).toMatch(/^sha256-/);
    expect(storedKey("x".repeat(600))).not.toBe(storedKey("x".repeat(601)));
  });
});

describe("the result of a state that was read from the store", () => {
  it.each([[{ a: new Date(1) }], [null], [undefined]])("is loaded when it is asked for: %j", async (value) => {
    const rig = testServices();
    const plan = planOf(rig);
    const record = plan.record(value);
    await plan.store.write(plan.storageKey, record);

    const state = readBack(stored(Completed({ data: "in memory" }), plan.metadata(record)), rig);

    expect(state.peek()).toBeUndefined();
    expect(state.data).toMatchObject({ storage_key: plan.storageKey });
    expect(await state.result()).toEqual(value);
    expect(state.peek()).toEqual(value);
    // Once it is in memory, the metadata still goes on the wire, and the value does not.
    expect(state.toWire().data).toMatchObject({ storage_key: plan.storageKey });
  });

  it("is asked for 10 times, 0.25 s apart, until it is there", async () => {
    const rig = testServices();
    const { clock } = rig;
    const plan = planOf(rig);
    const state = readBack(stored(Completed({ data: 1 }), plan.metadata(plan.record(1))), rig);
    const startedMs = clock.now();

    const result = state.result();
    await clock.advance(2_000);
    await plan.store.write(plan.storageKey, plan.record("late"));
    await clock.advance(250);

    expect(await result).toBe("late");
    expect(clock.now() - startedMs).toBe(2_250);
  });

  it("is missing after 10 tries, or after one when asked so", async () => {
    const rig = testServices();
    const { clock } = rig;
    const plan = planOf(rig);
    const wire = stored(Completed({ data: 1 }), plan.metadata(plan.record(1)));

    await expect(readBack(wire, rig).result({ retryResultFailure: false })).rejects.toMatchObject({
      code: "missing_result",
    });
    const slow = readBack(wire, rig).result();
    const refused = rejected(slow);
    await clock.advance(2_249);
    expect(clock.pending.all).toBe(1);
    await clock.advance(1);
    expect((await refused).code).toBe("missing_result");
    expect(clock.pending.all).toBe(0);
  });

  it("is missing at once when it has expired", async () => {
    const rig = testServices();
    const plan = planOf(rig, 1_000);
    const record = plan.record(1);
    await plan.store.write(plan.storageKey, record);
    const state = readBack(stored(Completed({ data: 1 }), plan.metadata(record)), rig);

    await rig.clock.advance(1_000);

    await expect(state.result()).rejects.toMatchObject({ code: "missing_result" });
    expect(rig.clock.pending.all).toBe(0);
  });

  it("is the error that was kept, for a failed one; without it a wrapper with the message", async () => {
    const rig = testServices();
    const plan = planOf(rig);
    const record = plan.record(new RangeError("meh"));
    await plan.store.write(plan.storageKey, record);
    const failed = stored(Failed({ data: record.value, message: "it failed" }), plan.metadata(record));

    await expect(readBack(failed, rig).result()).rejects.toThrow(new RangeError("meh"));
    expect(await readBack(failed, rig).result({ raiseOnFailure: false })).toBeInstanceOf(RangeError);
    rig.place.all.clear();
    await expect(readBack(failed, rig).result({ retryResultFailure: false })).rejects.toMatchObject({
      code: "failed_run",
      message: "it failed",
    });
  });

  it("is the value as it is for a failed state that holds one", async () => {
    const rig = testServices();
    const plan = planOf(rig);
    const record = plan.record("because");
    await plan.store.write(plan.storageKey, record);
    const failed = stored(Failed({ data: "because" }), plan.metadata(record));

    expect(await readBack(failed, rig).result({ raiseOnFailure: false })).toBe("because");
    await expect(readBack(failed, rig).result()).rejects.toMatchObject({ code: "failed_run", message: "because" });
  });

  it("is the value in memory in the process that made it, however often the state is copied", async () => {
    const rig = testServices();
    const plan = planOf(rig);
    const state = stored(Completed({ data: 7 }), plan.metadata(plan.record(7)));

    expect(await state.result()).toBe(7);
    expect(await state.freshCopy({ message: "m" }).result()).toBe(7);
    expect(state.freshCopy().toWire().data).toMatchObject({ storage_key: plan.storageKey });
    const copy = readBack(state, rig).freshCopy();
    await plan.store.write(plan.storageKey, plan.record(8));
    expect(await copy.result()).toBe(8);
  });

  it("is what the run store's reader gets, and nothing is set up where nothing is kept", async () => {
    await using fixture = await sqliteFixture();
    const { store, clock } = fixture;
    const services = openResultServices({
      embedded: store.results,
      openFolder: () => memoryPlace(clock),
      sealer: testSealer(),
      clock,
      log: silentLogger,
    });
    const plan = planOf({ services, clock });
    const record = plan.record(["kept"]);
    await plan.store.write(plan.storageKey, record);
    const state = stored(aState({ type: "COMPLETED", data: ["kept"] }), plan.metadata(record));
    const run = aFlowRun({ state });
    await store.runs.commit(aChange(run));
    const other = await fixture.beside();
    const reader = withStoredResults(other.runs, services);

    const read = await reader.readFlowRun(run.id);
    const [listed] = await reader.listFlowRuns();

    expect(await read?.state.result()).toEqual(["kept"]);
    expect(await listed?.state.result()).toEqual(["kept"]);
    expect(withStoredResult(Completed(), services).data).toBeUndefined();
  });
});
