import { describe, expect, it } from "vitest";
import { sendAll } from "../../src/cli/delivery/send-all.ts";
import { openOutput } from "../../src/cli/output.ts";
import type { DeliveryStatus } from "../../src/delivery/delivery.ts";
import { newHealth } from "../../src/delivery/health.ts";
import type { Standing } from "../../src/delivery/outbox-store.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { type DeliveryStage, openDeliveryStage } from "./delivery-stage.ts";

const GONE = { kind: "permanent", reason: "gone", detail: "no_service" } as const;
const UNKNOWN = "ffffffff-0000-7000-8000-000000000000";

/** Stores deliveries to these blocks and gives all of them up. */
async function giveUp(stage: DeliveryStage, ...destinations: readonly string[]): Promise<string[]> {
  const ids = await stage.enqueue(...destinations.map((destination) => ({ destination })));
  for (const id of ids)
    await stage.settle(id, {
      to: "dead",
      reason: "gone",
      detail: "no_service",
      attempt: { outcome: GONE, status: 410 },
    });
  return ids;
}

const statusOf = async ({ outbox }: DeliveryStage, id: string): Promise<DeliveryStatus | undefined> =>
  (await outbox.read(id))?.status;

describe("bellhop delivery replay", () => {
  it("sends one again under its id, and says that it was delivered", async () => {
    await using stage = await openDeliveryStage();
    await stage.cli(["block", "save", "inbox/dev"]);
    const [id = ""] = await giveUp(stage, "inbox/dev");

    const result = await stage.json(["delivery", "replay", id.slice(0, 18)]);

    expect(result).toEqual({ replayed: 1, delivered: 1, queued: 0, dead: 0, suppressed: 0, not_delivered: [] });
    expect(await stage.outbox.read(id)).toMatchObject({ id, status: "delivered", attempts: 1 });
    expect(await stage.json(["inbox", "ls"])).toMatchObject([{ inbox: "inbox/dev", title: "Nightly" }]);
  });

  it("ends with exit code 1 unless all were delivered, and lists the others with their reason", async () => {
    await using stage = await openDeliveryStage();
    await stage.cli(["block", "save", "inbox/dev"]);
    const [, missing = ""] = await giveUp(stage, "inbox/dev", "inbox/nobody");

    const plain = await stage.cli(["delivery", "replay", "--status", "dead", "--yes"]);
    const asJson = await stage.cli(["delivery", "replay", missing, "--json"]);

    expect(plain.code).toBe(1);
    expect(plain.stdout).toMatch(/queued again +2\ndelivered +1\nstill waiting +0\ngiven up +1\n/);
    expect(plain.stdout).toMatch(new RegExp(`Not delivered\n.*\n${missing} +inbox/nobody +✗ dead +not-found`));
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      delivered: 0,
      not_delivered: [{ id: missing, destination: "inbox/nobody", status: "dead", reason: "not-found" }],
    });
  });

  it("asks about what a filter finds, and changes nothing where nobody can be asked", async () => {
    await using stage = await openDeliveryStage();
    const ids = await giveUp(stage, "inbox/dev", "inbox/dev");

    const { code, stderr } = await stage.cli(["delivery", "replay", "--status", "dead"]);

    expect(code).toBe(2);
    expect(stderr).toContain("This sends 2 deliveries again");
    expect(stderr).toContain("--yes");
    expect(await Promise.all(ids.map((id) => statusOf(stage, id)))).toEqual(["dead", "dead"]);
  });

  it("only shows what it would do with --dry-run", async () => {
    await using stage = await openDeliveryStage();
    const ids = await giveUp(stage, "inbox/dev", "inbox/dev", "inbox/other");

    const { code, stdout } = await stage.cli(["delivery", "replay", "--status", "dead", "--dry-run"]);

    expect(code).toBe(0);
    expect(stdout).toContain("Would send again: 3 deliveries to 2 destinations (2 to inbox/dev, 1 to inbox/other).");
    expect(await stage.json(["delivery", "replay", "--destination", "inbox/dev", "--dry-run"])).toEqual({
      dry_run: true,
      deliveries: 2,
      destinations: [{ destination: "inbox/dev", count: 2 }],
    });
    expect(await Promise.all(ids.map((id) => statusOf(stage, id)))).toEqual(["dead", "dead", "dead"]);
  });

  it.each([
    { filter: ["--destination", "inbox/a"], finds: 2 },
    { filter: ["--status", "suppressed"], finds: 1 },
    { filter: ["--status", "dead", "--status", "suppressed"], finds: 4 },
    { filter: ["--reason", "gone"], finds: 3 },
    { filter: ["--reason", "server"], finds: 0 },
    { filter: ["--since", "2999-01-01"], finds: 0 },
    { filter: ["--run", "crimson-fox"], finds: 3 },
  ])("finds $finds with $filter; the dead, unless told otherwise", async ({ filter, finds }) => {
    await using stage = await openDeliveryStage();
    await giveUp(stage, "inbox/a", "inbox/a", "inbox/b");
    const [cancelled = ""] = await stage.enqueue({ destination: "inbox/a" });
    await stage.outbox.cancel([cancelled]);

    expect(await stage.json(["delivery", "replay", ...filter, "--dry-run"])).toMatchObject({ deliveries: finds });
  });

  it("queues them only with --no-wait", async () => {
    await using stage = await openDeliveryStage();
    await stage.cli(["block", "save", "inbox/dev"]);
    const [id = ""] = await giveUp(stage, "inbox/dev");

    const { code, stdout } = await stage.cli(["delivery", "replay", id, "--no-wait"]);

    expect(code).toBe(0);
    expect(stdout).toContain("1 delivery queued again.");
    expect(await stage.outbox.read(id)).toMatchObject({ status: "queued", attempts: 0 });
  });

  it("leaves alone what was delivered already, and counts it as delivered", async () => {
    await using stage = await openDeliveryStage();
    const [id = ""] = await stage.enqueue({});
    await stage.settle(id, { to: "delivered" });

    const { code, stderr } = await stage.cli(["delivery", "replay", id]);

    expect(code).toBe(0);
    expect(stderr).toContain(`${id} was delivered already: left as it is.`);
    expect(await stage.outbox.attempts(id)).toHaveLength(1);
  });

  it("says that a filter finds nothing, which is no failure", async () => {
    await using stage = await openDeliveryStage();

    const { code, stderr } = await stage.cli(["delivery", "replay", "--status", "dead"]);

    expect({ code, stderr }).toEqual({ code: 0, stderr: "No deliveries.\n" });
  });

  it.each([
    { words: [], code: 2, says: "Nothing says which deliveries" },
    { words: ["01994f2a", "--status", "dead"], code: 2, says: "cannot be combined" },
    { words: ["--status", "delivered"], code: 2, says: "dead, suppressed" },
    { words: ["--status", "dead", "--wait", "2h"], code: 2, says: "at most an hour" },
    { words: [UNKNOWN], code: 1, says: "delivery_not_found" },
  ])("refuses $words", async ({ words, code, says }) => {
    await using stage = await openDeliveryStage();

    const refused = await stage.cli(["delivery", "replay", ...words]);

    expect(refused.code).toBe(code);
    expect(refused.stderr).toContain(says);
  });

  it("changes nothing when one of several ids is unknown", async () => {
    await using stage = await openDeliveryStage();
    const [id = ""] = await giveUp(stage, "inbox/dev");

    expect((await stage.cli(["delivery", "replay", id, UNKNOWN])).code).toBe(1);
    expect(await statusOf(stage, id)).toBe("dead");
  });

  it("uses a destination again that was disabled", async () => {
    await using stage = await openDeliveryStage();
    await stage.cli(["block", "save", "inbox/dev"]);
    const [id = ""] = await giveUp(stage, "inbox/dev");
    const probeAtMs = stage.nowMs + 600_000;
    await stage.outbox.writeHealth({ ...newHealth("inbox/dev"), disabledReason: "gone: no_service", probeAtMs });

    const { code } = await stage.cli(["delivery", "replay", id]);

    expect(code).toBe(0);
    expect(await stage.outbox.readHealth("inbox/dev")).toMatchObject({ disabledReason: null });
  });

  it("replays many", async () => {
    await using stage = await openDeliveryStage();
    await stage.cli(["block", "save", "inbox/dev"]);
    const ids = await stage.enqueue(...Array.from({ length: 450 }, () => ({ destination: "inbox/dev" })));
    await stage.outbox.cancel(ids);

    const result = await stage.json(["delivery", "replay", "--status", "suppressed", "--yes"]);

    expect(result).toMatchObject({ replayed: 450, delivered: 450, not_delivered: [] });
  });
});

describe("waiting for what was replayed", () => {
  /** A drain that ends as many deliveries as each round says, and takes a second for it. */
  function fakeHub(clock: ManualClock, ids: readonly string[], rounds: readonly number[]) {
    let ended = 0;
    const standing = (asked: readonly string[]): Promise<Standing[]> =>
      Promise.resolve(
        asked.map((id) => ({
          id,
          destination: "inbox/dev",
          status: ids.indexOf(id) < ended ? "delivered" : "queued",
          reason: null,
          uncertain: false,
          nextAttemptAtMs: 0,
          behindId: null,
        })),
      );
    const drains: number[] = [];
    const drain = async ({ deadlineMs = 0 } = {}) => {
      drains.push(deadlineMs);
      ended += rounds[drains.length - 1] ?? 0;
      await clock.sleep(1_000);
      return { delivered: 0, queued: 0, dead: 0, inFlight: 0 };
    };
    return { drains, hub: { drain, store: { outbox: { standing } } } as unknown as Parameters<typeof sendAll>[1] };
  }

  function aTerminal(clock: ManualClock) {
    let shown = "";
    const sink = { isTTY: true, columns: 80, write: (text: string) => (shown += text) };
    const out = openOutput({ stdout: sink, stderr: sink, env: { NO_COLOR: "1" }, json: false });
    return { context: { out, clock }, shown: () => shown };
  }

  const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `id-${index}`);

  it("goes on while some end, stops when none does, and shows how far it is", async () => {
    const clock = new ManualClock();
    const ids = idsOf(5_000);
    const { hub, drains } = fakeHub(clock, ids, [2_000, 1_500, 0, 1_500]);
    const { context, shown } = aTerminal(clock);

    const ended = sendAll(context, hub, ids, 7_000);
    await clock.advance(5_000);

    expect(await ended).toBe(3_500);
    expect(drains).toEqual([7_000, 7_000, 7_000]);
    expect(shown()).toContain("sending 5000 deliveries");
    expect(shown()).toContain("of 5000 have ended");
  });

  it("is over when all have ended", async () => {
    const clock = new ManualClock();
    const ids = idsOf(3);
    const { hub, drains } = fakeHub(clock, ids, [3]);

    const ended = sendAll(aTerminal(clock).context, hub, ids, 7_000);
    await clock.advance(1_000);

    expect(await ended).toBe(3);
    expect(drains).toHaveLength(1);
  });
});

describe("bellhop delivery cancel", () => {
  it("ends queued deliveries that are named, with the reason", async () => {
    await using stage = await openDeliveryStage();
    const [first = "", second = "", third = ""] = await stage.enqueue({}, {}, {});

    const result = await stage.json(["delivery", "cancel", first, second]);

    expect(result).toEqual({ cancelled: 2, left_alone: [] });
    expect(await stage.outbox.read(first)).toMatchObject({ status: "suppressed", reason: "cancelled-by-person" });
    expect(await statusOf(stage, third)).toBe("queued");
  });

  it("leaves alone what is no longer queued, and says so with exit code 1", async () => {
    await using stage = await openDeliveryStage();
    const [sent = "", queued = ""] = await stage.enqueue({}, {});
    await stage.settle(sent, { to: "delivered" });

    const { code, stdout, stderr } = await stage.cli(["delivery", "cancel", sent, queued]);

    expect(code).toBe(1);
    expect(stdout).toBe("1 delivery cancelled.\n");
    expect(stderr).toContain(`${sent} is delivered: only a queued delivery can be cancelled.`);
    expect([await statusOf(stage, sent), await statusOf(stage, queued)]).toEqual(["delivered", "suppressed"]);
  });

  it("cancels what a filter finds once that is confirmed", async () => {
    await using stage = await openDeliveryStage();
    const ids = await stage.enqueue(...Array.from({ length: 450 }, () => ({ destination: "inbox/a" })), {
      destination: "inbox/b",
    });
    const filter = ["--destination", "inbox/a"];

    const dry = await stage.cli(["delivery", "cancel", ...filter, "--dry-run"]);
    const asked = await stage.cli(["delivery", "cancel", ...filter]);
    const untouched = await stage.outbox.ids({ status: ["queued"] });
    const done = await stage.json(["delivery", "cancel", ...filter, "--yes"]);

    expect(dry.stdout).toContain("Would cancel: 450 deliveries to inbox/a.");
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain("This cancels 450 deliveries");
    expect(untouched).toHaveLength(451);
    expect(done).toEqual({ cancelled: 450, left_alone: [] });
    expect(await stage.outbox.ids({ status: ["queued"] })).toEqual([ids.at(-1)]);
  });

  it("needs to be told which, and finds nothing without a failure", async () => {
    await using stage = await openDeliveryStage();

    expect((await stage.cli(["delivery", "cancel"])).code).toBe(2);
    expect(await stage.json(["delivery", "cancel", "--destination", "inbox/none"])).toEqual({
      cancelled: 0,
      left_alone: [],
    });
  });
});
