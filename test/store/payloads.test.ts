import { createSecretKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Logger } from "../../src/base/logger.ts";
import type { MasterKey, Vault } from "../../src/block/vault.ts";
import { Database, query } from "../../src/store/sqlite/database.ts";
import { sqliteFixture } from "../support/store-fixture.ts";
import { aChange, aDelivery, aFlowRun, anAttempt, aSettlement } from "../support/store-records.ts";
import { at, claimFrom, enqueue, enqueueOne, LEASE } from "./outbox-kit.ts";

const DAY_MS = 86_400_000;
const TEXT = "the-words-of-a-message";
const payload = { template: "run-failed", vars: { text: TEXT } };

const masterKey = (digit: string): MasterKey => ({
  kid: digit.repeat(16),
  kek: createSecretKey(Buffer.alloc(32, digit)),
  source: "file",
});

/** A vault with one key, which can be taken away. */
function testVault(key = masterKey("1")) {
  const state = { key: key as MasterKey | null, asked: 0 };
  const give = async (): Promise<MasterKey> => {
    state.asked += 1;
    if (state.key === null) throw new Error("the keychain is locked");
    return state.key;
  };
  const vault: Pick<Vault, "active" | "open"> = { active: give, open: give };
  return { state, vault: () => vault };
}

const HOOK = { index: 0, on: ["FAILED"], ref: "slack-webhook/ops", options: {} } as const;

/** As the first commit of a run with a hook does, which waits for the key. */
const declareHook = async ({ runs }: Pick<Awaited<ReturnType<typeof sqliteFixture>>["store"], "runs">) => {
  const run = aFlowRun();
  await runs.commit(aChange(run, run.state, { hooks: [HOOK] }));
};

interface Row {
  readonly id: string;
  readonly payload: string;
  readonly payloadKey: number | null;
  readonly content: string | Uint8Array;
}
const ROWS = query<[], Row>(
  `select id, payload, payload_key as payloadKey, content from deliveries join delivery_payloads using (seq) order by seq`,
);
const SWAP = query<[content: Uint8Array, id: string]>(
  "update delivery_payloads set content = ? where seq = (select seq from deliveries where id = ?)",
);

function rowsOf(path: string): Row[] {
  const db = new Database(path, { readOnly: true });
  const rows = db.all(ROWS);
  db.close();
  return rows;
}

function memoryLog(): Logger & { readonly warnings: string[] } {
  const warnings: string[] = [];
  const ignore = () => undefined;
  return { warnings, debug: ignore, info: ignore, error: ignore, warn: (message) => void warnings.push(message) };
}

describe("messages that wait in the store", () => {
  it("are sealed, and open for every process with the same vault", async () => {
    const { vault } = testVault();
    await using fixture = await sqliteFixture({ vault });
    await declareHook(fixture.store);
    const id = await enqueueOne(fixture.store, { payload });
    const beside = await fixture.beside();

    expect(rowsOf(fixture.path)).toMatchObject([{ payload: "", payloadKey: 1, content: expect.any(Uint8Array) }]);
    expect((await fixture.store.outbox.read(id))?.payload).toEqual(payload);
    expect((await beside.outbox.list())[0]?.payload).toEqual(payload);
    expect((await claimFrom(beside.outbox))[0]?.payload).toEqual(payload);
    for (const file of [fixture.path, `${fixture.path}-wal`]) expect(readFileSync(file).includes(TEXT)).toBe(false);
  });

  it("are sealed again when an attempt changes them, and when they were sent by hand", async () => {
    const { vault } = testVault();
    await using fixture = await sqliteFixture({ vault });
    await declareHook(fixture.store);
    const id = await enqueueOne(fixture.store, { payload });
    await claimFrom(fixture.store.outbox);
    const narrowed = { ...payload, only: ["a@example.org"] };
    await fixture.store.outbox.settle([aSettlement(id, { to: "queued", payload: narrowed })], LEASE);
    const direct = aDelivery({ payload: { title: TEXT, body: "sent by hand" } });
    fixture.store.outbox.journal(direct, anAttempt(direct.id));

    expect((await fixture.store.outbox.read(id))?.payload).toEqual(narrowed);
    expect((await fixture.store.outbox.read(direct.id))?.payload).toEqual(direct.payload);
    expect(rowsOf(fixture.path).map((row) => [row.payload, row.payloadKey])).toEqual([
      ["", 1],
      ["", 1],
    ]);
  });

  it("have one key a day for all processes", async () => {
    const { vault } = testVault();
    await using fixture = await sqliteFixture({ vault });
    const beside = await fixture.beside();
    for (const store of [fixture.store, beside]) {
      await declareHook(store);
      await enqueueOne(store, { payload });
    }
    await fixture.clock.advance(DAY_MS);
    await declareHook(fixture.store);
    const last = await enqueueOne(fixture.store, { payload });

    expect(rowsOf(fixture.path).map((row) => row.payloadKey)).toEqual([1, 1, 2]);
    expect((await beside.outbox.read(last))?.payload).toEqual(payload);
  });

  it("wait for a key that is gone, and are not lost", async () => {
    const { state, vault } = testVault();
    await using fixture = await sqliteFixture({ vault });
    await declareHook(fixture.store);
    const id = await enqueueOne(fixture.store, { payload });
    const { outbox } = await fixture.beside();
    const key = state.key;
    state.key = null;

    const [claimed] = await claimFrom(outbox);
    expect(claimed).toMatchObject({ id, payload: {}, unreadable: "the keychain is locked" });

    await outbox.release([id], at(0), LEASE);
    state.key = key;
    const [again] = await claimFrom(outbox);
    expect(again?.payload).toEqual(payload);
    expect(again).not.toHaveProperty("unreadable");
  });

  it("do not open as the message of another delivery, nor when they were changed", async () => {
    const { vault } = testVault();
    await using fixture = await sqliteFixture({ vault });
    await declareHook(fixture.store);
    const [first, second] = await enqueue(fixture.store, { payload }, { payload });
    const db = new Database(fixture.path);
    const sealed = rowsOf(fixture.path)[0]?.content;
    if (!(sealed instanceof Uint8Array)) throw new Error("it is not sealed");
    const changed = Uint8Array.from(sealed);
    changed.set([(changed.at(-1) ?? 0) ^ 1], changed.length - 1);
    db.run(SWAP, sealed, second?.id ?? "");
    db.run(SWAP, changed, first?.id ?? "");
    db.close();

    for (const { payload: opened, unreadable } of await fixture.store.outbox.list()) {
      expect([opened, unreadable]).toEqual([{}, expect.stringContaining("was changed")]);
    }
  });

  it("are stored as they are without a key, which is said once", async () => {
    const { state, vault } = testVault();
    state.key = null;
    const log = memoryLog();
    await using fixture = await sqliteFixture({ vault, log });
    await declareHook(fixture.store);
    const id = await enqueueOne(fixture.store, { payload });
    await fixture.clock.advance(DAY_MS);
    await declareHook(fixture.store);

    expect(rowsOf(fixture.path)).toMatchObject([{ payloadKey: null, content: JSON.stringify(payload) }]);
    expect(log.warnings).toEqual(["messages wait in the store unencrypted, because there is no key"]);
    expect((await fixture.store.outbox.read(id))?.payload).toEqual(payload);
    expect(state.asked).toBe(2);
  });

  it("do not hold up a run for long while somebody is asked for the key", async () => {
    const never = new Promise<MasterKey>(() => undefined);
    await using fixture = await sqliteFixture({ vault: () => ({ active: () => never, open: () => never }) });
    let isStored = false;
    const stored = declareHook(fixture.store).then(() => (isStored = true));

    await fixture.clock.settle(20);
    expect(isStored).toBe(false);
    await fixture.clock.advance(2_000);
    await stored;
  });

  it("ask for no key while no message can come", async () => {
    const { state, vault } = testVault();
    await using fixture = await sqliteFixture({ vault });
    const run = aFlowRun();
    await fixture.store.runs.commit(aChange(run));
    await fixture.store.outbox.due();

    expect(state.asked).toBe(0);
  });
});
